/**
 * The configuration as the gate uses it: complete (every default filled in), paths absolute, deeply frozen. Types only.
 * `load.ts` makes it from a file; nothing else does.
 */

/** Where a secret comes from. The configuration holds references only, so that it can be kept in version control. */
export type SecretRef =
  | { readonly kind: 'env'; readonly name: string }
  /** Absolute path; one trailing newline is not part of the secret. */
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'exec';
      /** Program and arguments, run without a shell; its standard output is the secret. */
      readonly argv: readonly string[];
      /** Environment variables handed to the program besides PATH, HOME and LANG. */
      readonly passEnv: readonly string[];
      readonly timeoutMs: number;
      /** How long the output is used before the program is run again. */
      readonly ttlMs: number;
    };

export interface ListenerTls {
  /** PEM files, absolute paths. */
  readonly cert: string;
  readonly key: string;
  /** Whether clients that do not ask for TLS are refused. */
  readonly required: boolean;
}

export interface PostgresListener {
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
  readonly tls: ListenerTls | null;
}

export interface ControlListener {
  readonly host: string;
  readonly port: number;
}

/** How a user proves who it is: a stored verifier, or a secret from which one is derived when the gate starts. */
export type UserProof =
  | { readonly kind: 'scram'; readonly verifier: string }
  | { readonly kind: 'secret'; readonly ref: SecretRef };

export interface UserConfig {
  readonly name: string;
  readonly groups: readonly string[];
  readonly password: UserProof;
}

export type TargetTlsMode = 'disable' | 'require' | 'verify-full';

export interface TargetConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly tls: TargetTlsMode;
  /** PEM file with the authorities to trust instead of those of the system. */
  readonly ca: string | null;
  /** Name that the certificate must carry, also sent as SNI. */
  readonly serverName: string;
}

export interface ConnectionConfig {
  readonly name: string;
  readonly protocol: 'postgres';
  readonly target: TargetConfig;
  /** `password` is null where the target asks for none. */
  readonly credential: { readonly user: string; readonly password: SecretRef | null };
  readonly labels: Readonly<Record<string, string>>;
}

export interface LimitsConfig {
  /** Client sockets at once, all listeners together. */
  readonly connections: number;
  readonly connectionsPerUser: number;
  /** Of these, sockets that have not authenticated yet. */
  readonly unauthenticated: number;
  readonly authenticationMs: number;
  readonly startupBytes: number;
  /** Longest client message that is not COPY data. */
  readonly messageBytes: number;
  /** Longest statement text that is analysed. */
  readonly statementBytes: number;
  /** Longer ones are analysed in a thread. */
  readonly statementInlineBytes: number;
  /** Time to analyse a statement in a thread, waiting included. */
  readonly analysisMs: number;
  /** Time to connect and log in to a target. */
  readonly dialMs: number;
  /** Idle time after which a session is closed; null: never. */
  readonly idleMs: number | null;
  /** How long a client may leave what was sent to it unread. */
  readonly slowClientMs: number;
  readonly drainMs: number;
}

export interface MaskingConfig {
  /** Ranges up to this length are masked on the main thread, longer ones by a lane. */
  readonly inlineBytes: number | 'auto';
  readonly slotBytes: number;
  readonly slabBytes: number;
  /** Key of the `hash` mask; null: kept in the data directory. */
  readonly hashKey: SecretRef | null;
  /** Time between two looks at the catalog of a target whose sessions have masks; 0: never. */
  readonly catalogProbeMs: number;
}

export interface AuditConfig {
  /** `os`: survives a crash of the process. `disk`: survives a power cut as well. */
  readonly durability: 'os' | 'disk';
  /** A file that has grown to this length is closed and a new one begun. */
  readonly fileBytes: number;
  /** Longer statement texts are cut in the record, with a hash of the whole. */
  readonly textBytes: number;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface Config {
  /** Absolute path of the file that this came from. */
  readonly file: string;
  readonly listen: { readonly postgres: PostgresListener; readonly control: ControlListener | null };
  readonly workers: number | 'auto';
  /** Absolute paths of directories. */
  readonly data: string;
  readonly policies: string;
  readonly identity: { readonly users: readonly UserConfig[] };
  readonly connections: readonly ConnectionConfig[];
  readonly limits: LimitsConfig;
  readonly masking: MaskingConfig;
  readonly audit: AuditConfig;
  readonly log: { readonly level: LogLevel };
}

/** Lanes to open. `auto` leaves one processor to the main thread; beyond sixteen the main thread is what limits. */
export function laneCount(workers: number | 'auto', processors: number): number {
  return workers === 'auto' ? Math.min(16, Math.max(0, processors - 1)) : workers;
}
