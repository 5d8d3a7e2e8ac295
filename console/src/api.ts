// The console's client of the native API. Every call carries the operator's token; a refused token signs out.

export interface ApiError { code: string; reason: string; message: string; requestId: string; retryable: boolean; stack?: string }

export class RequestError extends Error {
  constructor(readonly detail: ApiError, readonly status: number) {
    super(detail.message)
  }
}

const TOKEN = 'yunduo.token'
let onSignOut = () => {}

export const session = {
  get token() { return localStorage.getItem(TOKEN) ?? '' },
  set token(value: string) { value ? localStorage.setItem(TOKEN, value) : localStorage.removeItem(TOKEN) },
  whenSignedOut(handler: () => void) { onSignOut = handler },
  signOut() {
    this.token = ''
    onSignOut()
  },
}

export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const reply = await fetch(path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(session.token ? { authorization: `Bearer ${session.token}` } : {}),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  return answer<T>(reply, path)
}

/** Sends a file as the body of a request. */
export async function send<T>(path: string, file: Blob): Promise<T> {
  const headers = { 'content-type': 'application/octet-stream', authorization: `Bearer ${session.token}` }
  return answer<T>(await fetch(path, { method: 'POST', headers, body: file }), path)
}

/** Saves the file that a request replies with. */
export async function download(path: string, body: unknown, name: string) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${session.token}` }
  const reply = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!reply.ok) {
    await answer(reply, path)
    return
  }
  const link = document.createElement('a')
  link.href = URL.createObjectURL(await reply.blob())
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

async function answer<T>(reply: Response, path: string): Promise<T> {
  const text = await reply.text()
  if (reply.ok) return (text ? JSON.parse(text) : undefined) as T
  let detail: ApiError
  try {
    detail = JSON.parse(text).error
  } catch {
    detail = { code: 'unavailable', reason: 'unavailable', message: `HTTP ${reply.status}`, requestId: reply.headers.get('x-request-id') ?? '', retryable: true }
  }
  if (reply.status === 401 && session.token && !path.endsWith('/session')) session.signOut()
  throw new RequestError(detail, reply.status)
}

const part = encodeURIComponent
export const manage = (app: string, rest = '') => `/v1/manage/apps/${part(app)}${rest}`
export const ofApp = (app: string, rest: string) => `/v1/apps/${part(app)}${rest}`
export { part }

/** Reads server-sent events with the token in a header, which EventSource cannot do. Stops with the signal. */
export async function follow<T>(path: string, onValue: (value: T) => void, signal: AbortSignal) {
  const reply = await fetch(path, { headers: { authorization: `Bearer ${session.token}` }, signal })
  if (!reply.ok || !reply.body) throw new Error(`HTTP ${reply.status}`)
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    rest += value
    const events = rest.split('\n\n')
    rest = events.pop() ?? ''
    for (const event of events) if (event.startsWith('data: ')) onValue(JSON.parse(event.slice(6)))
  }
}

export interface App { id: string; name: string; wechatAppId?: string; hasWechatSecret: boolean; allowedOrigins: string[]; changeLog: { ageSeconds: number; bytes: number }; logRetentionDays?: number; createdAt: string }
export interface Fn { name: string; version: number; hash: string; mode: string; sizeBytes: number; timeoutSeconds: number; updatedAt: string; warnings?: string[]; error?: ApiError; triggers: number; live: Destination; aliases?: Record<string, Destination>; canary?: Canary }
export interface CanaryFigures { calls: number; errors: number; p99Ms: number }
export interface Canary { version: number; steps: number[]; everySeconds: number; maxErrorPercent: number; maxP99Ms?: number; minCalls: number; state: 'running' | 'promoted' | 'rolled_back' | 'stopped'; message?: string; step: number; percent: number; startedAt: string; endedAt?: string; stable: CanaryFigures; new: CanaryFigures }
export interface Release { number: number; live: boolean; restores?: number; note?: string; createdAt: string; createdBy: string; functions: Record<string, number>; triggers: number; rules: number; indexes: number; warnings?: string[] }
export interface ReleaseDiff { from: number; to: number; changes: { kind: 'function' | 'trigger' | 'rules' | 'index' | 'fileRules' | 'functionRules' | 'routes'; name?: string; from?: string; to?: string }[] }
export interface Destination { version: number; next?: number; percent?: number }
export interface FunctionDiff { from: number; to: number; files: { path: string; change: 'added' | 'removed' | 'changed'; patch?: string; added: number; removed: number }[]; settings: { name: string; from?: string; to?: string }[] }
export interface FunctionReport { version: number; mode: string; sizeBytes: number; sourceBytes: number; codeBytes: number; moduleBytes: number; installedBytes: number; packageCount: number; packages: { name: string; version?: string; bytes: number }[]; missing: { name: string; files: string[] }[]; advisories: { package: string; version: string; severity: string; title: string; url?: string; range?: string }[]; unchecked?: string; checkedAt: string }
export interface SourceFile { path: string; size: number; text?: string }
export interface Version { number: number; hash: string; sizeBytes: number; createdAt: string; createdBy: string; live: boolean; percent?: number; aliases?: string[]; warnings?: string[] }
export interface LogLine { time: string; level: string; message: string }
export interface Invocation { id: string; function: string; version: number; source: string; user?: string; requestId?: string; startedAt: string; durationMs: number; cold: boolean; reason?: string; message?: string; lines?: LogLine[] }
export interface TraceCall { operation: string; target?: string; plans?: { collection: string; index?: string }[]; startMs: number; tookMs: number; reason?: string; child?: string }
export interface Traced extends Invocation { stack?: string; trace?: { traceId: string; gatewayMs: number; queueMs: number; runMs: number; calls: TraceCall[]; omitted?: number; parent?: string }; children?: Traced[] }
export interface StatsBucket { time: string; calls: number; errors: number; coldStarts: number; p50Ms: number; p95Ms: number; p99Ms: number; queueMs: number; queueMaxMs: number; cpuMs: number; memoryBytes: number }
export interface FunctionStats extends StatsBucket { name: string }
export interface Collection { name: string; documents: number; bytes: number; indexBytes: number }
export interface Index {
  name: string; fields: { path: string; descending?: boolean; kind?: string }[]; unique?: boolean; sparse?: boolean; partialFilter?: unknown; collation?: unknown
  expireAfterSeconds?: number; state: 'ready' | 'building' | 'failed'; done?: number; total?: number; failure?: string
}
export interface DocumentVersion { position: number | string; time: string; kind: 'insert' | 'update' | 'delete' | 'drop' | 'rename' | 'appear'; to?: string; actor?: string; id?: unknown; changed?: string[]; before?: unknown; after?: unknown }
export interface History { versions: DocumentVersion[]; next?: number | string; since?: string }
export interface RestoreResult { inserted: number; updated: number; deleted: number; unchanged: number; failed: number }
export interface Dropped { id: string; name: string; documents: number; bytes: number; droppedAt: string; until: string }
export interface ImportReport { inserted: number; updated: number; unchanged: number; rejected: number; rejections?: { line: number; reason: string; message: string }[]; error?: ApiError }
export interface StoredFile { fileId: string; path: string; size: number; contentType: string; owner?: string; modifiedAt: string }
export interface Firing { id: string; dueAt: string; startedAt: string; durationMs: number; status: string; message?: string; invocationId?: string; manual?: boolean }
export interface Trigger { function: string; name: string; type: string; schedule: string; timeZone: string; overlap: string; enabled: boolean; nextRuns: string[] | null; last?: Firing; warnings?: string[] }
export interface User { id: string; openId?: string; unionId?: string; username?: string; provider: string; createdAt: string; lastLoginAt?: string }
export interface Session { id: string; provider: string; ip?: string; device?: string; createdAt: string; current?: boolean }
export interface TicketKey { private_key_id: string; private_key?: string; env_id: string; createdAt: string }
export interface Bucket { time: string; calls: number; errors: number; p50Ms: number; p99Ms: number }
export interface Metrics { bucketSeconds: number; buckets: Bucket[]; functions: number; collections: number; documents: number; bytes: number; users: number; isolation: string }
export type Document = Record<string, unknown> & { _id: unknown }
