import type { AnyObject, Callbacks, Config, CloudCalls, Database, Reply, UploadFileResult } from '../core/types'
export type * from '../core/types'

/** What the SDK calls of `wx`; Taro and uni have the same. */
export interface Platform {
  request (options: any): any
  login (options: any): any
  connectSocket (options: any): any
  uploadFile (options: any): any
  downloadFile (options: any): any
  getStorageSync (key: string): any
  setStorageSync (key: string, value: any): void
  removeStorageSync (key: string): void
  getFileSystemManager (): any
}

export interface InitOptions {
  /** The app's ID, or one for each room. */
  env?: string | symbol | { database?: string, functions?: string, storage?: string }
  /** Address of the server, such as https://api.example.com; a request domain of the mini program. */
  endpoint?: string
  traceUser?: boolean
  /** Sign in as an anonymous user instead of the WeChat one. */
  identityless?: boolean
  /** Milliseconds for one call with all its attempts; 60,000 unless given. */
  timeout?: number
  /** Further attempts after one that failed; 2 unless given. */
  retries?: number
  /** What to call instead of the global wx: Taro, uni, or another vendor's object. */
  platform?: Platform
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
/** What an open API of wx gave: its cloudID, or what it encrypted. */
export type OpenData = string | { encryptedData: string, iv: string }

export interface FilePath { type: 'filePath', filePath: string }
export interface CDN { target: string | ArrayBuffer | FilePath }

interface ConnectContainerResult extends Reply { socketTask: any }

export interface CloudInstance extends CloudCalls {
  init (options?: InitOptions): Promise<void>
  database (options?: { env?: string | symbol, throwOnNotFound?: boolean }): Database
  uploadFile (options: { cloudPath: string, filePath: string, header?: AnyObject, config?: Config, onProgressUpdate?: (progress: UploadProgress) => void } & Callbacks<UploadFileResult>):
    Promise<UploadFileResult> & TransferTask<UploadProgress>
  downloadFile (options: { fileID: string, onProgressUpdate?: (progress: DownloadProgress) => void } & Callbacks<DownloadFileResult>):
    Promise<DownloadFileResult> & TransferTask<DownloadProgress>
  /** Opens a WebSocket to an HTTP function of the app; the result's socketTask is the platform's own. */
  connectContainer (options: { service: string, path?: string, header?: AnyObject, protocols?: string[] } & Callbacks<ConnectContainerResult>): Promise<ConnectContainerResult>
  /** Throws unsupported_call when it is used. */
  readonly services: any
  /** Throws unsupported_call when it is used. */
  readonly extend: any
  readonly CloudID: { (openData: OpenData): CloudID, new (openData: OpenData): CloudID }
  /** Content too large for a function's arguments: the function receives the address of a file in its place. */
  readonly CDN: { (target: CDN['target']): CDN, new (target: CDN['target']): CDN }
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
export const connectContainer: CloudInstance['connectContainer']
export const services: any
export const extend: any
export const CloudID: CloudInstance['CloudID']
export const CDN: CloudInstance['CDN']
export const Cloud: typeof cloud.Cloud
