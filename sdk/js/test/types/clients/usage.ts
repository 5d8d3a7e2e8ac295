// Compiled, never run.
import * as web from '../../../web'
import * as node from '../../../node'

export async function browser (): Promise<string> {
  const app = web.init({ app: 'app1' })
  const stop = app.auth.onAuthChange(user => user?.id)
  const user: web.User = await app.auth.signInWithPassword({ username: 'a', password: 'b' })
  const { fileID } = await app.uploadFile({ cloudPath: 'a', file: new Blob(['x']), onUploadProgress: ({ loaded }) => loaded })
  const { fileContent } = await app.downloadFile({ fileID })
  stop()
  try {
    await app.database().collection('c').where({ n: app.database().command.in([1]) }).get()
  } catch (error) {
    if (error instanceof web.CloudError && error.retryable) return error.reason ?? error.errMsg
  }
  return user.id + await fileContent.text()
}

export async function server (): Promise<Buffer> {
  const app = node.init({ app: 'app1', endpoint: 'https://api.example.com', apiKey: 'k' })
  await app.database().createCollection('c')
  const { fileID } = await app.uploadFile({ cloudPath: 'a', fileContent: Buffer.from('x') })
  return (await app.downloadFile({ fileID })).fileContent
}

// @ts-expect-error a key is needed
node.init({ app: 'app1', endpoint: 'https://api.example.com' })

export function watching (): void {
  interface Note { _id: string, n: number }
  const db = node.init({ app: 'app1', endpoint: 'https://api.example.com', apiKey: 'k' }).database()
  const listener = db.collection('notes').where({ n: 1 }).orderBy('n', 'asc').limit(3).watch<Note>({
    onChange: ({ docs, docChanges, type }) => type === 'init' ? docs[0].n : docChanges[0].updatedFields?.n,
    onError: error => error.errCode
  })
  void listener.close()
  void db.collection('notes').doc('a').watch({ onChange () {}, onError () {} }).close()
}

// @ts-expect-error onChange is missing
node.init({ app: 'a', endpoint: 'https://x', apiKey: 'k' }).database().collection('c').watch({})
