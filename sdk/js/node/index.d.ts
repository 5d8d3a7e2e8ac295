import type { CloudCalls, Database, Reply, UploadFileResult } from '../core/types'
export * from '../core/types'

export interface App extends CloudCalls {
  database (options?: { throwOnNotFound?: boolean }): Database
  uploadFile (options: { cloudPath: string, fileContent: Uint8Array | string | Blob | AsyncIterable<any>, contentType?: string }): Promise<UploadFileResult>
  downloadFile (options: { fileID: string }): Promise<Reply & { fileContent: Buffer, statusCode: number }>
}

export interface InitOptions {
  /** The app's ID. */
  app: string
  /** Address of the server. */
  endpoint: string
  /** A key of the app: acts as its owner, so keep it off clients. */
  apiKey: string
  /** Milliseconds for one call with all its attempts; 60,000 unless given. */
  timeout?: number
  /** Further attempts after one that failed; 2 unless given. */
  retries?: number
}

export function init (options: InitOptions): App
