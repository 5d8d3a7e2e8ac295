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
