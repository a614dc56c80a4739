// Generated from wit/mlflow.wit by `jco guest-types`: scripts/test-languages checks that it is up to date.
declare module 'mlflow-host:mlflow/server@0.1.0' {
  /**
   * A small server for trying out, which the configuration of the stack may change, and which is made outputs.
   */
  export function defaults(): Settings;
  /**
   * Declares the server. `name` is also the name of the Cloud Run service: up to 20 lower-case letters, digits
   * and hyphens. An error is a sentence.
   */
  export function declare(name: string, settings: Settings): Mlflow;
  /**
   * How big the server and its database are.
   * # Variants
   * 
   * ## `"small"`
   * 
   * A shared-core database, and 1 CPU with 1 GiB for the server.
   * ## `"large"`
   * 
   * A database with 2 CPUs and 7.5 GiB of its own, and 2 CPUs with 2 GiB for the server.
   */
  export type Size = 'small' | 'large';
  /**
   * Whether the database survives the loss of a zone.
   * # Variants
   * 
   * ## `"zonal"`
   * 
   * One machine in one zone.
   * ## `"regional"`
   * 
   * A second machine in another zone takes over. Google requires backups for it.
   */
  export type Availability = 'zonal' | 'regional';
  /**
   * Whether MLflow itself asks for a password.
   * # Variants
   * 
   * ## `"none"`
   * 
   * It does not: whoever may invoke the service may do everything.
   * ## `"basic"`
   * 
   * MLflow's basic authentication. The first administrator is `admin`, with a generated password in
   * Secret Manager.
   */
  export type Authentication = 'none' | 'basic';
  /**
   * How far back the database can be restored.
   */
  export interface Backups {
    /**
     * How many nightly backups are kept.
     */
    nights: number,
    /**
     * To any second of how many days: 1 to 7.
     */
    logDays: number,
  }
  /**
   * What a server is to be like.
   */
  export interface Settings {
    /**
     * The directory of the image's Dockerfile, beside the stack's file.
     */
    image: string,
    /**
     * How big the server and its database are.
     */
    size: Size,
    /**
     * The machine type of the database, e.g., `db-custom-2-7680`, instead of the one of the size.
     */
    sqlTier?: string,
    /**
     * Whether the database survives the loss of a zone.
     */
    availability: Availability,
    /**
     * Nightly backups, and a log from which any second can be restored.
     */
    backups?: Backups,
    /**
     * Refuse to delete or replace what holds data, and keep old versions of artifacts.
     */
    protection: boolean,
    /**
     * How many instances of the server are always there. With none, the first request after a pause waits.
     */
    minimumInstances: number,
    /**
     * How many instances of the server there are at most.
     */
    maximumInstances: number,
    /**
     * Who may send requests: `user:…`, `group:…`, `serviceAccount:…`, `domain:…` or `allUsers`.
     */
    invokers: Array<string>,
    /**
     * Whether MLflow itself asks for a password.
     */
    authentication: Authentication,
    /**
     * Environment variables of the server, besides the component's own and above them.
     */
    environment: Array<[string, string]>,
    /**
     * Where the artifacts are kept, e.g., `europe-west1` or `EU`, instead of the region of the stack.
     */
    bucketLocation?: string,
    /**
     * Whether the configuration of the stack has the last word: its keys `environment`, `bucket-location`,
     * `invokers`, `authentication`, `sql-tier`, `minimum-instances` and `maximum-instances`.
     */
    configured: boolean,
    /**
     * Whether what is declared becomes outputs of the stack: `url`, `bucket`, `image`, `image-digest`,
     * `sql-connection-name` and, where there is one, `administrator-secret`.
     */
    outputs: boolean,
  }
  /**
   * A declared server. Every string may be put into properties and outputs of the stack.
   */
  export interface Mlflow {
    /**
     * Where it answers: what to set MLFLOW_TRACKING_URI to.
     */
    url: string,
    /**
     * The name of the bucket with the artifacts.
     */
    bucket: string,
    /**
     * The image, by its digest.
     */
    image: string,
    /**
     * The digest of the image.
     */
    imageDigest: string,
    /**
     * The connection name of the database, `PROJECT:REGION:INSTANCE`.
     */
    sqlConnectionName: string,
    /**
     * The secret with the administrator's password, where MLflow asks for one.
     */
    administratorSecret?: string,
  }
}
