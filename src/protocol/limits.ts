/**
 * Every bound in one place, each with its reason and the reaction to a peer that passes it.
 * Times in milliseconds, sizes in bytes. Those marked *configurable* are the defaults of a directive.
 */

/** Handshake complete, absolute from accept: a per-read limit can be drip-fed. Reaction: close. Configurable. */
export const HANDSHAKE_TIMEOUT_MS = 5000;
/** `connect` accepted, absolute from accept. Reaction: close. Configurable. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** `publish` or `play` asked for, absolute from accept. Reaction: close. Configurable. */
export const IDENTIFY_TIMEOUT_MS = 20_000;
/** First media message after publish (SRS `firstpkt_timeout`). Reaction: unpublish and close. Configurable. */
export const FIRST_MEDIA_TIMEOUT_MS = 20_000;
/** Gap between media messages while publishing (SRS `normal_timeout`). Reaction: unpublish and close. Configurable. */
export const MEDIA_GAP_TIMEOUT_MS = 5000;
/** A publisher silent this long loses its name to a newcomer: half-open connections block encoders that return. */
export const TAKEOVER_SILENCE_MS = 2000;
/** A player that takes no byte for this long is closed. Configurable. */
export const PLAYER_STALL_MS = 10_000;
/** A player that closed its stream, plays no other and says nothing for this long is closed, as by other servers. */
export const IDLE_CONNECTION_MS = 180_000;

/** A command or data message before publish or play was accepted. Reaction: LimitError. */
export const MESSAGE_BYTES_MAX_BEFORE_IDENTIFY: number = 64 * 1024;
/** An audio, video or aggregate message. Reaction: LimitError on the header, before its payload is kept. */
export const MEDIA_MESSAGE_BYTES_MAX: number = 10 * 1024 * 1024;
/** A command, data or shared-object message once identified. Reaction: LimitError. */
export const COMMAND_MESSAGE_BYTES_MAX: number = 1024 * 1024;
/** Audio and video bytes that arrive before publish was accepted are dropped; past this, LimitError. */
export const UNAUTHORISED_MEDIA_BYTES_MAX: number = 1024 * 1024;

/** Chunk streams in use on one connection (nginx-rtmp 32, MediaMTX 62). Reaction: LimitError. */
export const CHUNK_STREAMS_MAX = 64;
/** Sum of partial messages of one connection. Reaction: LimitError. */
export const PARTIAL_BYTES_MAX: number = 12 * 1024 * 1024;
/** An assembly buffer kept for the next message of its chunk stream: most keyframes fit. A larger one is given back. */
export const ASSEMBLY_BUFFER_BYTES_KEPT_MAX: number = 512 * 1024;
/** Assembly buffers kept by one connection together: idle chunk streams hold no more. Beyond it they are given back. */
export const ASSEMBLY_BYTES_KEPT_MAX: number = 2 * 1024 * 1024;
/** Smallest inbound chunk size taken; the spec allows 1, encoders use 128 and more. Reaction: ProtocolError. */
export const CHUNK_SIZE_MIN = 128;
/** Largest effective inbound chunk size: a message has 24 bits of length. Larger values are clamped. */
export const CHUNK_SIZE_MAX = 0xff_ff_ff;
/** Chunk size before any Set Chunk Size (RTMP 1.0 §5.4.1). */
export const CHUNK_SIZE_DEFAULT = 128;

/** Nesting of an AMF value: decoding is bounded, never recursive without count. Reaction: LimitError. */
export const AMF_DEPTH_MAX = 16;
/** Values in one AMF message. Reaction: LimitError. */
export const AMF_VALUES_MAX = 4096;
/** Bytes of one AMF string. Reaction: LimitError. */
export const AMF_STRING_BYTES_MAX: number = 64 * 1024;

/** Application name. Reaction: RejectedError. */
export const APP_BYTES_MAX = 128;
/** Stream name. Reaction: RejectedError. */
export const STREAM_BYTES_MAX = 256;
/** Query after app or stream. Reaction: RejectedError. */
export const QUERY_BYTES_MAX: number = 8 * 1024;
/** Parameters kept from a query; later ones are ignored. */
export const QUERY_PARAMETERS_MAX = 64;
/** tcUrl. Reaction: RejectedError. */
export const TC_URL_BYTES_MAX: number = 4 * 1024;
/** pageUrl and swfUrl. Longer ones are cut. */
export const PAGE_URL_BYTES_MAX: number = 2 * 1024;
/** Command name. Reaction: ProtocolError. */
export const COMMAND_NAME_BYTES_MAX = 64;
/** Host label sequence used as a vhost (RFC 1035 §2.3.4). Reaction: RejectedError. */
export const VHOST_BYTES_MAX = 253;

/** Messages other than audio and video per second on one connection. Reaction: LimitError. */
export const CONTROL_MESSAGES_PER_SECOND = 200;
/** Burst allowed on top of {@link CONTROL_MESSAGES_PER_SECOND}. */
export const CONTROL_MESSAGES_BURST = 1000;
/** createStream per connection (SRS closes at 3). Reaction: LimitError. */
export const STREAMS_PER_CONNECTION_MAX = 8;
/** Plays at a time on one connection. Reaction: refused with NetStream.Play.Failed; the connection goes on. */
export const PLAYS_PER_CONNECTION_MAX = 4;
/** Plays that share a connection, on one shard. Reaction: as for {@link PLAYS_PER_CONNECTION_MAX}. */
export const SHARING_PLAYS_MAX = 1024;
/** Media waiting in a connection whose streams share it. Reaction: its plays wait, and skip as any slow player does. */
export const SHARED_BACKLOG_BYTES_MAX: number = 256 * 1024;
/** An ended connection that does not take its last replies. Reaction: closed without them. */
export const CLOSE_TIMEOUT_MS = 5000;
/** Replies waiting for a peer that does not read. Reaction: LimitError. */
export const CONTROL_BACKLOG_BYTES_MAX: number = 64 * 1024;
/** Before publish or play is accepted a client gets at most twice what it sent and this more. Reaction: LimitError. */
export const REPLY_BYTES_SLACK: number = 8 * 1024;

/** Cached onMetaData; a larger one is relayed and not cached. */
export const METADATA_BYTES_MAX: number = 64 * 1024;
/** Cached sequence header; a larger one is relayed and not cached. */
export const SEQUENCE_HEADER_BYTES_MAX: number = 64 * 1024;
/** GOP cache in frames (SRS `gop_cache_max_frames`). A longer GOP is not offered to newcomers. Configurable. */
export const GOP_FRAMES_MAX = 2500;
/** GOP cache in bytes. */
export const GOP_BYTES_MAX: number = 32 * 1024 * 1024;

/** ModEx packets before one enhanced body: each is at least three bytes, so a payload alone is no bound. Reaction: relayed unread. */
export const MOD_EX_PACKETS_MAX = 16;
/** Tracks looked at in one multitrack body; ids have 8 bits. Reaction: later ones are not looked at. */
export const MULTITRACK_TRACKS_MAX = 256;
/** Width and height in a codec configuration. Reaction: ProtocolError, described as unknown. */
export const PICTURE_SIDE_MAX = 16_384;
/** Parameter sets in one AVC or HEVC configuration (16 VPS, 16 SPS and 64 PPS exist). Reaction: LimitError, described as unknown. */
export const PARAMETER_SETS_MAX = 256;
/** FLV file header with its announced extension. Reaction: LimitError. */
export const FLV_HEADER_BYTES_MAX = 1024;

/** Composition time that remuxing believes (0 to this). Reaction: shown when decoded. */
export const COMPOSITION_MS_MAX = 10_000;
/** A step forward within one track that is still one time line. Reaction: a discontinuity. */
export const TIME_STEP_FORWARD_MS_MAX = 10_000;
/** A step back within one track that is levelled. Reaction beyond it: a discontinuity. */
export const TIME_STEP_BACK_MS_MAX = 1000;
/** Audio collected for one PES packet, whose length has 16 bits. Reaction: written at once. */
export const PES_AUDIO_BYTES_MAX: number = 60 * 1024;
/** Audio as large as it gets, 320 kbit/s: what a ring of audio alone is sized by. Reaction: less time is kept. */
export const RAW_AUDIO_BYTES_PER_MS = 40;
/** Audio kept for newcomers, whatever `fast_cache` says. Reaction: less time is kept. */
export const FAST_CACHE_BYTES_MAX: number = 4 * 1024 * 1024;
/** Forms of one stream on one gateway, spent ones included. Reaction: viewers of the oldest spent one are closed. */
export const OUTLETS_MAX = 16;
/** Frames in one movie fragment. Reaction: the segment or part ends. */
export const FRAGMENT_FRAMES_MAX = 16_384;
/** Bytes of one HLS segment. Reaction: the segment ends, keyframe or not. */
export const SEGMENT_BYTES_MAX: number = 64 * 1024 * 1024;
/** Parts of one HLS segment: a low part target under an endless GOP. Reaction: the segment ends. */
export const SEGMENT_PARTS_MAX = 512;
/** Segments listed in one playlist, whatever `hls_window` says. Reaction: the oldest leaves. */
export const PLAYLIST_SEGMENTS_MAX = 4096;
/** Share of the host's memory that HLS may take. Reaction: windows are shortened, to three segments at the least. */
export const HLS_MEMORY_SHARE = 0.25;
/** Of one stream's recordings, on their way to the disk. Reaction: what comes is left out up to a keyframe. */
export const RECORDING_WAITING_BYTES_MAX: number = 16 * 1024 * 1024;
/** Requests that wait at one gateway for more of HLS. Reaction: more of them are answered as if their time were over. */
export const HLS_WAITING_MAX = 10_000;
/** Playlists that a gateway gives to anybody, by the names they are asked for. Reaction: others are asked about each time. */
export const HLS_OPEN_PLAYLISTS_MAX = 4096;
/** Signatures of HLS that a gateway remembers. Reaction: others are computed each time. */
export const HLS_SIGNATURES_KEPT_MAX = 32_768;
/** Bytes of a playlist request's query that are read. Reaction: answered with 400. */
export const PLAYLIST_QUERY_BYTES_MAX: number = 4 * 1024;

/** Connections before publish or play, in all: accept is delayed beyond it. Configurable. */
export const UNIDENTIFIED_MAX = 4096;

/** Smallest ring: one GOP of a low-rate stream. */
export const RING_BYTES_MIN: number = 128 * 1024;
/**
 * Smallest ring of what HTTP viewers are sent, and of the publisher that it is made from: their connections are full for
 * longer than those of RTMP players, half a ring is how far behind they may be, and seconds of a publisher that was held
 * up come at once. Also the first ring of a publisher of which HLS is made. Reaction: the publisher's ring stays smaller where the budget does not allow it.
 */
export const TAPE_BYTES_MIN: number = 512 * 1024;
/** Ring growth per stream. Configurable. A single legal message may exceed it. */
export const RING_BYTES_BUDGET: number = 8 * 1024 * 1024;
/** Largest ring ever: four times the largest legal message, rounded up to a power of two. */
export const RING_BYTES_MAX: number = 64 * 1024 * 1024;

/** Outgoing window acknowledgement size (SRS `out_ack_size`). */
export const WINDOW_ACK_SIZE = 2_500_000;
/** Smallest acknowledgement window obeyed: a peer asking for less gets at most one ack per read anyway. */
export const WINDOW_ACK_SIZE_MIN = 4096;
/** Outgoing chunk size (SRS `chunk_size`). Configurable. */
export const CHUNK_SIZE_OUT = 60_000;

/** Configuration text of all included files together. Reaction: ConfigError. */
export const CONF_BYTES_MAX: number = 4 * 1024 * 1024;
/** Blocks inside blocks; SRS uses five. Reaction: ConfigError. */
export const CONF_DEPTH_MAX = 16;
/** Directives of one configuration: ten thousand vhosts of six. Reaction: ConfigError. */
export const CONF_DIRECTIVES_MAX = 65_536;
/** Files included by one configuration; a file that includes itself ends here. Reaction: ConfigError. */
export const CONF_INCLUDES_MAX = 256;
/** Characters of a secret that stands in a file of its own. Reaction: refuse to start. */
export const SECRET_CHARACTERS_MAX = 4096;

/** Files that one gateway has open to send them. Reaction: answered with 503. */
export const FILES_OPEN_MAX = 256;
/** A client that takes nothing of a file for this long. Reaction: closed. */
export const FILE_STALL_MS = 30_000;

/** File of a key or of a certificate with its chain. Reaction: ConfigError. */
export const CERTIFICATE_BYTES_MAX: number = 1024 * 1024;

/** Bytes of one log line; the rest is cut. */
export const LOG_LINE_BYTES_MAX = 8192;
/** Request line and headers of an API request. Reaction: answered with 431. */
export const API_HEADER_BYTES_MAX: number = 16 * 1024;
/** Body of an API request: none of them needs one. Reaction: answered with 413. */
export const API_BODY_BYTES_MAX: number = 64 * 1024;
/** Path of an API request. Reaction: answered with 400. */
export const API_PATH_BYTES_MAX = 1024;
/** Query of an API request. Reaction: answered with 400. */
export const API_QUERY_BYTES_MAX: number = 4 * 1024;
/** Connections to the API and the exporter at a time, each. Reaction: newcomers are closed. */
export const API_CONNECTIONS_MAX = 256;
/** Entries of one listing, as many as a server may have connections. Reaction: the rest is another page. */
export const API_PAGE_MAX = 10_000;
/** Samples of the console's history, ten seconds apart: an hour. Reaction: the oldest leave first. */
export const HISTORY_SAMPLES_MAX = 360;
/** Streams that have ended and are still listed. Reaction: the oldest leave first. */
export const ENDED_STREAMS_MAX = 1000;
/** Streams with metrics of their own. Reaction: the others count in the totals only. */
export const METRIC_STREAMS_MAX = 200;

/** Log lines waiting to be written, per thread. Further ones are dropped and counted. */
export const LOG_BUFFER_BYTES: number = 64 * 1024;
/** Log lines a second below warning level; the excess is counted and told once a second. */
export const LOG_LINES_PER_SECOND = 1000;
/** Players of one stream that stay on its home shard before others are asked. Configurable. */
export const SPILL_PLAYERS = 100;

/** Servers that one stream is sent on to. Reaction: the configuration, or the answer that names them, is refused. */
export const FORWARD_DESTINATIONS_MAX = 64;

/** One callback, and all that decide one thing together (SRS: 30 s). A shard waits a little longer. Configurable. */
export const HOOK_TIMEOUT_MS_MAX = 30_000;
/** A callback's answer: SRS's is one number. Reaction: no valid answer. */
export const HOOK_REPLY_BYTES_MAX: number = 64 * 1024;
/** Callbacks that wait for one server, of each kind. Reaction: no valid answer; what would only tell is left out. */
export const HOOK_QUEUE_MAX = 20_000;
/**
 * Callbacks that wait about one client. Reaction: it begins nothing more; what ends is told. A client that has nothing
 * to wait for, because a verdict is kept or nobody is asked, could begin and end for ever.
 */
export const HOOK_SESSION_QUEUE_MAX = 256;
/** Verdicts of `on_play` kept. Reaction: the oldest is forgotten. */
export const HOOK_CACHE_MAX = 20_000;
/** Addresses that are remembered for wrong passwords or tokens, of each. Reaction: the oldest is forgotten. */
export const GUESSING_ADDRESSES_MAX = 10_000;
/** Refusals of guessers that wait before they are told. Reaction: further ones are told at once. */
export const LATE_REFUSALS_MAX = 512;
/** Characters of a JSON Web Token. Reaction: refused. */
export const JWT_CHARACTERS_MAX = 4096;
/** Programs that run at one time unless `programs_max` says otherwise: a storm of publishes must not fill the host. Others wait. */
export const PROGRAMS_MAX = 256;
/** Bytes of a log file's name that are made of a stream's; the file system takes 255. Longer ones are cut. */
export const LOG_NAME_BYTES_MAX = 200;
