/** Small parts that several pages have. */
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";

const COPIED_MS = 1500;
const ARMED_MS = 4000;

/** A heading with something beside it. */
export function Section(props: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{props.title}</h2>
        <div class="aside">{props.aside}</div>
      </header>
      {props.children}
    </section>
  );
}

/** What is wrong, told to screen readers too. */
export function Trouble({ text }: { readonly text: string }): VNode | null {
  return text === "" ? null : (
    <p class="trouble" role="alert">
      {text}
    </p>
  );
}

interface BarProps {
  readonly share: number;
  readonly label: string;
  /** Much of it is a bad sign. */
  readonly isLoad?: boolean;
}

/** A share of a whole as a bar. */
export function Bar({ share, label, isLoad = false }: BarProps): VNode {
  const bounded = Math.min(1, Math.max(0, share));
  const level = bounded > 0.9 ? "high" : bounded > 0.7 ? "raised" : "";
  return (
    <span class="bar-line">
      <meter
        class={`bar ${isLoad ? level : ""}`}
        min={0}
        max={1}
        value={bounded}
        aria-label={label}
      />
      <span class="bar-value">{label}</span>
    </span>
  );
}

/** A URL with a button that copies it. */
export function CopyLine({
  label,
  text,
}: {
  readonly label: string;
  readonly text: string;
}): VNode {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    const timer = isCopied ? window.setTimeout(() => setCopied(false), COPIED_MS) : 0;
    return () => window.clearTimeout(timer);
  }, [isCopied]);
  const copy = (): void => {
    // Pages without TLS have no clipboard but on the loopback; the text can be selected there.
    void navigator.clipboard?.writeText(text).then(() => setCopied(true));
  };
  return (
    <div class="copy-line">
      <span class="copy-label">{label}</span>
      <code>{text}</code>
      <button type="button" onClick={copy} aria-label={`Copy the ${label} URL`}>
        {isCopied ? "Copied" : "Copy"}
      </button>
    </div>
  );
}

/** A button that asks once more before it does what cannot be undone. */
export function SureButton(props: {
  readonly label: string;
  readonly sure: string;
  readonly name: string;
  readonly act: () => void;
}): VNode {
  const [isArmed, setArmed] = useState(false);
  useEffect(() => {
    const timer = isArmed ? window.setTimeout(() => setArmed(false), ARMED_MS) : 0;
    return () => window.clearTimeout(timer);
  }, [isArmed]);
  const press = (): void => {
    setArmed(!isArmed);
    if (isArmed) {
      props.act();
    }
  };
  return (
    <button
      type="button"
      class={isArmed ? "danger" : ""}
      onClick={press}
      aria-label={`${isArmed ? props.sure : props.label} ${props.name}`}
    >
      {isArmed ? props.sure : props.label}
    </button>
  );
}
