import type { AnyObject, Callbacks, CloudCalls, Database, Reply, UploadFileResult } from '../core/types'
export type * from '../core/types'

export interface InitOptions {
  /** The app's ID. */
  env?: string | { database?: string, functions?: string, storage?: string }
  /** Address of the server, such as https://api.example.com; a request domain of the mini program. */
  endpoint?: string
  traceUser?: boolean
  /** Milliseconds per request. */
  timeout?: number
}

export interface DownloadFileResult extends Reply { tempFilePath: string, statusCode: number }

export interface UploadProgress { progress: number, totalBytesSent: number, totalBytesExpectedToSend: number }
export interface DownloadProgress { progress: number, totalBytesWritten: number, totalBytesExpectedToWrite: number }

export interface TransferTask<Progress> {
  abort (): void
  onProgressUpdate (listener: (progress: Progress) => void): void
  offProgressUpdate (listener?: (progress: Progress) => void): void
  onHeadersReceived (listener: (result: any) => void): void
  offHeadersReceived (listener?: (result: any) => void): void
}

export interface CloudID { readonly cloudID: string }

export interface CloudInstance extends CloudCalls {
  init (options?: InitOptions): Promise<void>
  database (options?: { env?: string, throwOnNotFound?: boolean }): Database
  uploadFile (options: { cloudPath: string, filePath: string, header?: AnyObject, onProgressUpdate?: (progress: UploadProgress) => void } & Callbacks<UploadFileResult>):
    Promise<UploadFileResult> & TransferTask<UploadProgress>
  downloadFile (options: { fileID: string, onProgressUpdate?: (progress: DownloadProgress) => void } & Callbacks<DownloadFileResult>):
    Promise<DownloadFileResult> & TransferTask<DownloadProgress>
  /** Not available: rejects with unsupported_call. */
  callContainer (options: AnyObject): Promise<any>
  readonly CloudID: { (cloudID: string): CloudID, new (cloudID: string): CloudID }
  readonly DYNAMIC_CURRENT_ENV: symbol
}

declare const cloud: CloudInstance & {
  /** A connection of its own: another app, or another server. */
  Cloud: new (options?: InitOptions & { resourceAppid?: string, resourceEnv?: string }) => CloudInstance
  default: typeof cloud
}
export default cloud
export const init: CloudInstance['init']
export const database: CloudInstance['database']
export const callFunction: CloudInstance['callFunction']
export const getTempFileURL: CloudInstance['getTempFileURL']
export const deleteFile: CloudInstance['deleteFile']
export const uploadFile: CloudInstance['uploadFile']
export const downloadFile: CloudInstance['downloadFile']
export const callContainer: CloudInstance['callContainer']
export const CloudID: CloudInstance['CloudID']
export const Cloud: typeof cloud.Cloud
