// Compiled, never run: code written for wx.cloud must compile against the package.
import cloud = require('../../../miniprogram')

// What a project assigns where it used wx.cloud: every member that wx.cloud has.
type Calls = Exclude<keyof WxCloud, 'database'>
const drop: Pick<WxCloud, Calls> = cloud
export const database: Omit<DB.Database, 'RegExp' | 'serverDate' | 'command' | 'collection'> = cloud.database()

export async function usage (): Promise<number> {
  drop.init({ env: 'app1', traceUser: true })
  await cloud.init({ env: 'app1', endpoint: 'https://api.example.com', traceUser: true })
  const db = cloud.database()
  const _ = db.command
  const $ = _.aggregate

  interface Note { _id: string, title: string, at: Date }
  const { data } = await db.collection('notes').where({ n: _.gt(1).and(_.lt(4)), at: _.lt(new Date()) }).orderBy('at', 'desc').limit(10).get<Note>()
  const title: string = data[0].title
  const note = (await db.collection('notes').doc('x').get<Note>()).data
  const { _id } = await db.collection('notes').add({ data: { title, at: db.serverDate(), by: new db.serverDate({ offset: 1 }), p: db.Geo.Point(1, 2), r: db.RegExp({ regexp: 'x', options: 'i' }) } })
  const { stats } = await db.collection('notes').doc(_id).update({ data: { n: _.inc(1), tags: _.push({ each: ['a'], position: 0 }), old: _.remove() } })
  const { total } = await db.collection('notes').count()
  const { list } = await db.collection('notes').aggregate().match(_.expr($.gt(['$a', 1]))).group({ _id: '$who', n: $.sum(1) }).sort({ n: -1 }).end<{ _id: string, n: number }>()
  db.collection('notes').get({ success: result => result.data.length, fail: error => error.errCode })
  cloud.callFunction({ name: 'f', data: { id: cloud.CloudID('x') }, success: result => result.result, fail: console.error })
  const task = cloud.uploadFile({ cloudPath: 'a', filePath: 'b', onProgressUpdate: p => p.progress })
  task.onProgressUpdate(p => p.totalBytesSent)
  const { fileID } = await task
  const { tempFilePath } = await cloud.downloadFile({ fileID })
  const { data: listed, statusCode, callID } = await cloud.callContainer({ service: 'shop', path: '/orders', method: 'GET', header: { 'X-WX-SERVICE': 'shop' }, timeout: 1000 })
  drop.callContainer({ path: '/x', success: result => result.data, fail: console.error })
  await cloud.callFunction({ name: 'f', data: { big: cloud.CDN({ type: 'filePath', filePath: 'x' }) }, config: { env: 'app2' }, idempotencyKey: `${callID}${statusCode}${listed}` })
  cloud.init({ env: 'app1', endpoint: 'https://api.example.com', platform: wx, retries: 0, identityless: true })
  const other = new cloud.Cloud({ resourceAppid: 'wx1', resourceEnv: 'app2', endpoint: 'https://api.example.com' })
  await other.init()
  const left = await db.runTransaction(async transaction => {
    await transaction.collection('notes').doc('x').set({ data: { tempFilePath } })
    return note.at.getTime() + stats.updated + list[0].n
  })
  return total + left
}

// @ts-expect-error data is missing
cloud.database().collection('c').add({})
// @ts-expect-error there is no such command
cloud.database().command.nothing()
// @ts-expect-error a name is needed
cloud.callFunction({})
