/** Asks for the API's credentials. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { type SignInError, signIn } from "../api/requests.ts";
import { Trouble } from "../parts/small.tsx";

interface SignInProps {
  readonly error: SignInError;
  readonly done: () => void;
}

/** The page. */
export function SignIn({ error: { kind, message }, done }: SignInProps): VNode {
  const [name, setName] = useState("");
  const [secret, setSecret] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    signIn(kind, name, secret);
    done();
  };
  return (
    <form class="sign-in panel" onSubmit={submit}>
      <h1>weir</h1>
      <p class="note">This server asks for credentials (http_api.auth).</p>
      <Trouble text={message} />
      {kind === "basic" && (
        <label>
          Name
          <input
            autocomplete="username"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
      )}
      <label>
        {kind === "basic" ? "Password" : "Token"}
        <input
          type="password"
          autocomplete="current-password"
          value={secret}
          onInput={(event) => setSecret(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        Sign in
      </button>
    </form>
  );
}
