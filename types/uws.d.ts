/** The part of uWebSockets.js that weir uses. The package is optional, so the build does not depend on its own types. */
declare module 'uWebSockets.js' {
  export interface ListenSocket {
    readonly __listenSocket: never;
  }
  export interface SocketContext {
    readonly __socketContext: never;
  }
  export interface HttpResponse {
    writeStatus(status: string): HttpResponse;
    writeHeader(key: string, value: string): HttpResponse;
    write(chunk: Uint8Array): boolean;
    end(body?: Uint8Array | string, closeConnection?: boolean): HttpResponse;
    tryEnd(body: Uint8Array, totalBytes: number): [isTaken: boolean, isDone: boolean];
    endWithoutBody(reportedLength?: number, closeConnection?: boolean): HttpResponse;
    close(): HttpResponse;
    cork(work: () => void): HttpResponse;
    onWritable(handler: (offset: number) => boolean): HttpResponse;
    onAborted(handler: () => void): HttpResponse;
    onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): HttpResponse;
    getRemoteAddressAsText(): ArrayBuffer;
    upgrade<UserData>(
      data: UserData,
      key: string,
      protocol: string,
      extensions: string,
      context: SocketContext,
    ): void;
  }
  export interface HttpRequest {
    getHeader(lowerCaseName: string): string;
    forEach(callback: (lowerCaseName: string, value: string) => void): void;
    getUrl(): string;
    getMethod(): string;
    getQuery(): string | undefined;
  }
  export interface WebSocket<UserData> {
    send(message: Uint8Array, isBinary?: boolean): number;
    getBufferedAmount(): number;
    end(code?: number, reason?: string): void;
    close(): void;
    getUserData(): UserData;
  }
  export interface WebSocketBehavior<UserData> {
    maxPayloadLength?: number;
    maxBackpressure?: number;
    closeOnBackpressureLimit?: boolean | number;
    idleTimeout?: number;
    sendPingsAutomatically?: boolean;
    upgrade?(response: HttpResponse, request: HttpRequest, context: SocketContext): void;
    open?(socket: WebSocket<UserData>): void;
    drain?(socket: WebSocket<UserData>): void;
    close?(socket: WebSocket<UserData>, code: number, reason: ArrayBuffer): void;
  }
  export interface App {
    any(pattern: string, handler: (response: HttpResponse, request: HttpRequest) => void): App;
    ws<UserData>(pattern: string, behavior: WebSocketBehavior<UserData>): App;
    /** Called with 1 when a connection has come, with -1 when it is gone. */
    filter(callback: (response: HttpResponse, change: 1 | -1) => void): App;
    listen(host: string, port: number, done: (socket: ListenSocket | false) => void): App;
    listen(port: number, done: (socket: ListenSocket | false) => void): App;
    close(): App;
  }
  export interface TlsFiles {
    key_file_name: string;
    cert_file_name: string;
  }
  interface Library {
    App(): App;
    SSLApp(options: TlsFiles): App;
    us_listen_socket_close(socket: ListenSocket): void;
    us_socket_local_port(socket: ListenSocket): number;
  }
  const library: Library;
  export default library;
}
