/** One stream: watched, described, and where else it can be watched. */
import type { VNode } from "preact";
import type { Overview, StreamAnswer } from "../api/answers.ts";
import { CopyLine, Section } from "../parts/small.tsx";
import { watchUrls } from "../parts/urls.ts";
import { Watch } from "../parts/watch.tsx";
import { byteSize, count } from "../parts/words.ts";

interface StreamDetailProps {
  readonly stream: StreamAnswer;
  readonly overview: Overview;
}

/** The part of the page. */
export function StreamDetail({ stream, overview }: StreamDetailProps): VNode {
  const urls = watchUrls(stream, overview);
  const close = <a href="#/streams">Close</a>;
  return (
    <Section title={`${stream.app}/${stream.name}`} aside={close}>
      <Watch urls={urls} />
      <div class="copy-lines">
        {urls.map(({ label, url }) => (
          <CopyLine key={label} label={label} text={url} />
        ))}
      </div>
      <dl class="facts">
        {factsOf(stream).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function factsOf(stream: StreamAnswer): [name: string, value: string][] {
  const { video, audio } = stream;
  const facts: [string, string][] = [];
  if (video !== null) {
    facts.push(["Video", `${video.codec} ${video.profile}, level ${video.level}`]);
    facts.push(["Picture", `${video.width} × ${video.height}`]);
  }
  if (audio !== null) {
    facts.push(["Audio", `${audio.codec} ${audio.profile}`]);
    facts.push([
      "Sound",
      `${audio.sample_rate} Hz, ${audio.channel === 1 ? "mono" : `${audio.channel} channels`}`,
    ]);
  }
  facts.push(["Frames", count(stream.video_frames)]);
  facts.push(["Received", byteSize(stream.recv_bytes)]);
  facts.push(["Sent", byteSize(stream.send_bytes)]);
  facts.push(["Publisher", stream.publish.cid ?? (stream.publish.active ? "an origin" : "gone")]);
  return facts;
}
