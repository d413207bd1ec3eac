/** The console: who is signed in, what is open, and the server in one line. */
import type { VNode } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Overview } from "./api/answers.ts";
import { SignInNeeded, usePolled } from "./api/polling.ts";
import { isSignedIn, type SignInError, signOut } from "./api/requests.ts";
import { ClientsPage } from "./pages/clients.tsx";
import { ServerPage } from "./pages/server.tsx";
import { SettingsPage } from "./pages/settings.tsx";
import { SignIn } from "./pages/sign-in.tsx";
import { StreamsPage } from "./pages/streams.tsx";
import { Trouble } from "./parts/small.tsx";
import { Summary } from "./parts/summary.tsx";
import { duration } from "./parts/words.ts";

const PERIOD_MS = 2000;
const SECOND_MS = 1000;
const PAGES: readonly (readonly [page: string, title: string])[] = [
  ["streams", "Streams"],
  ["clients", "Clients"],
  ["server", "Server"],
  ["settings", "Settings"],
];

/** All of it. */
export function App(): VNode {
  const [needed, setNeeded] = useState<SignInError | null>(null);
  const need = useCallback((error: SignInError) => setNeeded(error), []);
  if (needed !== null) {
    return <SignIn error={needed} done={() => setNeeded(null)} />;
  }
  return (
    <SignInNeeded.Provider value={need}>
      <Console />
    </SignInNeeded.Provider>
  );
}

function Console(): VNode {
  const { answer, error } = usePolled<{ data: Overview }>("/api/v1/console", PERIOD_MS);
  const [page, open] = useRoute();
  const overview = answer?.data;
  return (
    <>
      <header class="top">
        <a class="brand" href="#/streams">
          weir
        </a>
        <nav aria-label="Pages">
          {PAGES.map(([name, title]) => (
            <a key={name} href={`#/${name}`} aria-current={name === page ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <div class="about">
          {overview !== undefined && (
            <span>
              {overview.version}, up {duration(overview.uptime_ms / SECOND_MS)}
            </span>
          )}
          {isSignedIn() && <SignOut />}
        </div>
      </header>
      <main>
        <Trouble text={error} />
        {overview !== undefined && <Summary overview={overview} />}
        {overview !== undefined && <Page page={page} open={open} overview={overview} />}
      </main>
    </>
  );
}

interface PageProps {
  readonly page: string;
  readonly open: string;
  readonly overview: Overview;
}

function Page({ page, open, overview }: PageProps): VNode {
  switch (page) {
    case "clients":
      return <ClientsPage />;
    case "server":
      return <ServerPage overview={overview} />;
    case "settings":
      return <SettingsPage overview={overview} />;
    default:
      return <StreamsPage overview={overview} open={open} />;
  }
}

function SignOut(): VNode {
  const leave = (): void => {
    signOut();
    location.reload();
  };
  return (
    <button type="button" class="plain" onClick={leave}>
      Sign out
    </button>
  );
}

/** `#/streams/x` is the page "streams" with "x" open. */
function useRoute(): readonly [page: string, open: string] {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const look = (): void => setHash(location.hash);
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, []);
  const [, page = "", open = ""] = hash.split("/");
  return [page === "" ? "streams" : page, decoded(open)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
