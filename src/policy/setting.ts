/** What a configuration knows of people and connections: handed to `policy check` and `policy explain` by whoever reads one. */
export interface Setting {
  /** Of the configuration, for messages. */
  readonly file: string;
  /** Directory of the policies. */
  readonly policies: string;
  readonly users: readonly { readonly name: string; readonly groups: readonly string[] }[];
  readonly connections: readonly SettingConnection[];
}

export interface SettingConnection {
  readonly name: string;
  readonly protocol: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The setting, or sentences on why there is none. Needs no secret. */
export type ReadSetting = (config: string) => Promise<Setting | { readonly faults: readonly string[] }>;
