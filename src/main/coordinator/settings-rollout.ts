/**
 * New settings for streams that run: every shard accepts them under a version, then one shared word puts that version in
 * force everywhere. What was announced to a shard meanwhile, or to one that was replaced meanwhile, is told again.
 */
import type { SettingsChange, StreamSettings } from "../../protocol/control/calls.ts";
import type { VersionWord } from "../../protocol/control/version-word.ts";
import { ControlError } from "../../protocol/errors.ts";
import type { Prepared } from "../config/parts.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Coordinator, StreamEntry } from "./coordinator.ts";

/** Longer than it takes to find out that a shard hangs and to replace it. */
const ACCEPT_TIMEOUT_MS = 15_000;

/** Settings that a stream is to have; undefined: those that it has. */
export type SettingsOf = (entry: StreamEntry) => StreamSettings | undefined;

/** What the rollout works with. */
export interface RolloutHost {
  readonly coordinator: Coordinator;
  /** Live table: a slot is undefined while its thread is being replaced. */
  readonly shards: readonly (ShardLink | undefined)[];
  readonly word: VersionWord;
}

interface Round {
  readonly version: number;
  /** Shards that have not answered. */
  readonly missing: Set<ShardLink>;
  readonly done: () => void;
}

/** Streams of which shards were told, each with the announcement by which the shard knew it. */
type Told = Map<ShardLink, ReadonlyMap<StreamEntry, number | undefined>>;

/** Brings settings to all shards. One round at a time. */
export class SettingsRollout {
  readonly #host: RolloutHost;
  readonly #timeoutMs: number;
  #version = 0;
  #round: Round | undefined;

  constructor(host: RolloutHost, timeoutMs: number = ACCEPT_TIMEOUT_MS) {
    this.#host = host;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Tells every shard what changes; resolves when all that live have accepted it.
   * @throws ControlError when one does not: no shard ever applies that version then.
   */
  async prepare(settingsOf: SettingsOf): Promise<Prepared> {
    this.#version = (this.#version + 1) | 0;
    const version = this.#version;
    const told: Told = new Map<ShardLink, Map<StreamEntry, number | undefined>>();
    for (const shard of this.#host.shards) {
      if (shard?.isAlive) {
        const changed = this.#changedOn(shard.index, settingsOf);
        told.set(shard, announcementsOf(changed.keys(), shard.index));
        shard.post({ kind: "settings", version, changes: changesOf(changed) });
      }
    }
    await this.#allAccept(version, new Set(told.keys()));
    return {
      commit: () => this.#commit(version, told, settingsOf),
      // Nothing is to be taken back: a version that is skipped never comes into force.
      abort: () => undefined,
    };
  }

  /** A shard says that it has a version. */
  accepted(shard: ShardLink, version: number): void {
    if (this.#round?.version === version) {
      this.#answered(shard);
    }
  }

  /** A shard is gone: its successor learns of streams as they are by then. */
  shardDied(shard: ShardLink): void {
    this.#answered(shard);
  }

  #answered(shard: ShardLink): void {
    if (this.#round?.missing.delete(shard) && this.#round.missing.size === 0) {
      this.#round.done();
    }
  }

  async #allAccept(version: number, missing: Set<ShardLink>): Promise<void> {
    if (missing.size === 0) {
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const inTime = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.#timeoutMs);
      this.#round = { version, missing, done: () => resolve(true) };
    });
    clearTimeout(timer);
    this.#round = undefined;
    if (!inTime) {
      const names = [...missing].map(({ index }) => index).join(", ");
      throw new ControlError("ERR_CONTROL_TIMEOUT", `shard ${names} does not answer`);
    }
  }

  #commit(version: number, told: Told, settingsOf: SettingsOf): void {
    const { coordinator, shards, word } = this.#host;
    word.set(version);
    for (const shard of shards) {
      if (shard === undefined) {
        continue;
      }
      // The word is faster than what is posted: a stream that was announced again may be heard of after it.
      const untold = [...this.#changedOn(shard.index, settingsOf)].filter(
        ([entry]) => told.get(shard)?.get(entry) !== entry.knownBy.get(shard.index),
      );
      if (untold.length > 0) {
        shard.post({ kind: "settings", version, changes: changesOf(new Map(untold)) });
      }
    }
    for (const entry of coordinator.streams) {
      entry.settings = settingsOf(entry) ?? entry.settings;
    }
  }

  /** Streams that a shard knows and that change. */
  #changedOn(shard: number, settingsOf: SettingsOf): Map<StreamEntry, StreamSettings> {
    const changed = new Map<StreamEntry, StreamSettings>();
    for (const entry of this.#host.coordinator.streams) {
      const settings = entry.knownBy.has(shard) ? settingsOf(entry) : undefined;
      if (settings !== undefined && !isSame(settings, entry.settings)) {
        changed.set(entry, settings);
      }
    }
    return changed;
  }
}

function announcementsOf(
  entries: Iterable<StreamEntry>,
  shard: number,
): Map<StreamEntry, number | undefined> {
  return new Map([...entries].map((entry) => [entry, entry.knownBy.get(shard)]));
}

function changesOf(changed: ReadonlyMap<StreamEntry, StreamSettings>): SettingsChange[] {
  return [...changed].map(([{ id: streamId }, settings]) => ({ streamId, settings }));
}

function isSame(one: StreamSettings, other: StreamSettings): boolean {
  const keys = Object.keys(one) as (keyof StreamSettings)[];
  return keys.every((key) => one[key] === other[key]);
}
