import type { Callbacks, CloudCalls, Database, Reply, UploadFileResult } from '../core/types'
export * from '../core/types'

export interface User { id: string, provider: string, openId?: string, unionId?: string, username?: string }

export interface Auth {
  readonly currentUser: User | null
  signInAnonymously (): Promise<User>
  signInWithPassword (credential: { username: string, password: string }): Promise<User>
  signInWithWeChatCode (code: string): Promise<User>
  /** With any provider that the server is configured with. */
  signIn (provider: string, credential: object): Promise<User>
  signOut (): Promise<void>
  /** For requests of your own, renewed if need be; undefined if nobody is signed in. */
  getAccessToken (): Promise<string | undefined>
  /** Hears the user now and after every change; the function that it gives stops that. */
  onAuthChange (listener: (user: User | null) => void): () => void
}

export interface App extends CloudCalls {
  readonly auth: Auth
  database (options?: { throwOnNotFound?: boolean }): Database
  uploadFile (options: { cloudPath: string, file: Blob, onUploadProgress?: (progress: { loaded: number, total: number }) => void, signal?: AbortSignal } & Callbacks<UploadFileResult>): Promise<UploadFileResult>
  downloadFile (options: { fileID: string, signal?: AbortSignal }): Promise<Reply & { fileContent: Blob, statusCode: number }>
}

export interface InitOptions {
  /** The app's ID. */
  app: string
  /** Address of the server; the page's own origin unless given. */
  endpoint?: string
  /** Milliseconds for one call with all its attempts; 60,000 unless given. */
  timeout?: number
  /** Further attempts after one that failed; 2 unless given. */
  retries?: number
  /** Where tokens stay; localStorage unless given. */
  storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
}

export function init (options: InitOptions): App
