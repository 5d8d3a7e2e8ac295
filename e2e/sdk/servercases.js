// What every SDK of server code must do, whatever its version.
'use strict'
const assert = require('node:assert/strict')

/** A text that WeChat's content check refuses, and a picture that it lets pass. */
const risky = '特3456书yuuo莞6543李zxcz蒜7782法fgnv级'
const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')

let orders = 0

/** `client.face` tells how this SDK says things; `client.open()` gives it as if newly started. */
function serverCases ({ works }, client) {
  const f = client.face
  let made = 0
  /** A new collection, by this SDK. */
  async function collection (cloud, documents = []) {
    const db = cloud.database()
    const name = `c${process.pid}_${client.from || client.package}_${client.setting.length}_${made++}`.replace(/\W/g, '_')
    await db.createCollection(name)
    const c = db.collection(name)
    for (const document of documents) await c.add(f.put(document))
    return Object.assign(c, { is: name })
  }
  const rejected = async promise => {
    let value
    try { value = await promise } catch (error) { return error }
    // tcb-admin-node answers with the code instead of rejecting
    assert.ok(value && value.code, `should have been refused, but gave ${JSON.stringify(value)}`)
    return value
  }

  works('documents', 'values of every kind come back as they were', async () => {
    const cloud = client.open()
    const db = cloud.database()
    const c = await collection(cloud)
    const at = new Date('2024-05-06T07:08:09.123Z')
    const [id] = f.ids(await c.add(f.put({ n: 1, half: 1.5, big: 2 ** 40, no: null, yes: true, at, zero: new Date(0), nested: { a: [1, { b: '云' }] }, place: new db.Geo.Point(113, 23), sd: db.serverDate() })))
    const doc = f.one(await c.doc(id).get())
    assert.deepEqual([doc.n, doc.half, doc.big, doc.no, doc.yes, doc.nested], [1, 1.5, 2 ** 40, null, true, { a: [1, { b: '云' }] }])
    assert.equal(new Date(doc.at).getTime(), at.getTime())
    assert.equal(new Date(doc.zero).getTime(), 0)
    assert.ok(Math.abs(new Date(doc.sd) - Date.now()) < 60000)
    assert.deepEqual([doc.place.longitude ?? doc.place.coordinates[0], doc.place.latitude ?? doc.place.coordinates[1]], [113, 23])
  })
  works('documents', 'conditions, order, window, fields, count', async () => {
    const cloud = client.open()
    const _ = cloud.database().command
    const c = await collection(cloud, [{ _id: 'a', n: 1, t: ['x'], s: 'Hello' }, { _id: 'b', n: 5, t: ['x', 'y'] }, { _id: 'c', n: 9 }])
    const find = async where => (await c.where(where).get()).data.map(d => d._id).sort().join('')
    assert.equal(await find({ n: _.gt(1).and(_.lt(9)) }), 'b')
    assert.equal(await find({ n: _.in([1, 9]) }), 'ac')
    assert.equal(await find(_.or([{ n: 1 }, { n: 9 }])), 'ac')
    assert.equal(await find({ t: _.all(['x', 'y']) }), 'b')
    assert.equal(await find({ s: cloud.database().RegExp({ regexp: '^hel', options: 'i' }) }), 'a')
    assert.deepEqual((await c.orderBy('n', 'desc').skip(1).limit(1).field({ n: true }).get()).data, [{ _id: 'b', n: 5 }])
    assert.equal((await c.where({ n: _.gte(5) }).count()).total, 2)
  })
  works('documents', 'update, set, remove', async () => {
    const cloud = client.open()
    const _ = cloud.database().command
    const c = await collection(cloud, [{ _id: 'a', n: 1, gone: 1, l: [1], o: { x: 1, y: 2 } }, { _id: 'b', n: 2 }])
    assert.equal(f.updated(await c.doc('a').update(f.put({ n: _.inc(4), gone: _.remove(), l: _.push([2]), o: { y: 3 } }))), 1)
    assert.deepEqual(f.one(await c.doc('a').get()), { _id: 'a', n: 5, l: [1, 2], o: { x: 1, y: 3 } })
    await c.doc('a').set(f.put({ z: 1 }))
    assert.deepEqual(f.one(await c.doc('a').get()), { _id: 'a', z: 1 })
    await c.doc('made').set(f.put({ n: 7 }))
    assert.equal(f.updated(await c.where({ n: _.gte(2) }).update(f.put({ seen: true }))), 2)
    assert.equal(f.updated(await c.doc('never').update(f.put({ n: 1 }))), 0)
    assert.equal(f.removed(await c.doc('b').remove()), 1)
    assert.equal(f.removed(await c.where({ seen: true }).remove()), 1)
    assert.equal((await c.count()).total, 1)
  })
  works('documents', 'refusals have their codes', async () => {
    const cloud = client.open()
    const db = cloud.database()
    const c = await collection(cloud, [{ _id: 'a' }])
    assert.equal(f.fails(await rejected(db.collection('nowhere').get())), f.missing)
    assert.equal(f.fails(await rejected(db.collection('nowhere').add(f.put({ a: 1 })))), f.missing)
    const taken = await rejected(c.add(f.put({ _id: 'a' })))
    assert.equal(f.fails(taken), f.taken)
    assert.match(f.text(taken), /duplicate key/i)
    assert.equal(f.fails(await rejected(c.where({ n: { $nosuch: 1 } }).get())), f.operator)
  })
  works('aggregation', 'match, group, sort, lookup', async () => {
    const cloud = client.open()
    const _ = cloud.database().command
    const c = await collection(cloud, [{ k: 'a', n: 1 }, { k: 'a', n: 2 }, { k: 'b', n: 4 }])
    const names = await collection(cloud, [{ _id: 'a', name: '甲' }])
    const list = f.list(await c.aggregate().match({ n: _.gt(0) }).group({ _id: '$k', sum: _.aggregate.sum('$n') }).sort({ _id: 1 })
      .lookup({ from: names.is, localField: '_id', foreignField: '_id', as: 'names' }).end())
    assert.deepEqual(list, [{ _id: 'a', sum: 3, names: [{ _id: 'a', name: '甲' }] }, { _id: 'b', sum: 4, names: [] }])
  })
  works('transactions', 'commit, rollback, own writes', async () => {
    const cloud = client.open()
    const db = cloud.database()
    const c = await collection(cloud, [{ _id: 'a', v: 100 }, { _id: 'b', v: 0 }])
    const one = r => Array.isArray(r.data) ? r.data[0] : r.data
    await db.runTransaction(async t => {
      const a = one(await t.collection(c.is).doc('a').get())
      await t.collection(c.is).doc('a').update(f.put({ v: a.v - 30 }))
      await t.collection(c.is).doc('b').update(f.put({ v: 30 }))
      assert.equal(one(await t.collection(c.is).doc('a').get()).v, 70)
    })
    const t = await db.startTransaction()
    await t.collection(c.is).doc('a').set(f.put({ v: 0 }))
    await t.rollback()
    assert.deepEqual((await c.orderBy('_id', 'asc').get()).data.map(d => d.v), [70, 30])
  })
  works('functions', 'data in, result out; what it threw', async () => {
    const cloud = client.open()
    const { result } = await cloud.callFunction({ name: 'echo', data: { a: [1, '云'] } })
    assert.deepEqual(result.event.a, [1, '云'])
    const failed = await rejected(cloud.callFunction({ name: 'throws', data: {} }))
    assert.equal(f.fails(failed), f.failed)
    assert.match(f.text(failed), /on purpose/)
    assert.ok(f.fails(await rejected(cloud.callFunction({ name: 'nowhere', data: {} }))))
  })
  works('files', 'up, address, down, away', async () => {
    const cloud = client.open()
    const bytes = Buffer.from([0, 1, 255, 13, 10, 0xe4])
    const cloudPath = `servers/${client.from || client.package}/图 1+2.bin`
    const { fileID } = await cloud.uploadFile({ cloudPath, fileContent: bytes })
    assert.ok(fileID.endsWith(`/${cloudPath}`), fileID)
    const [file, none] = (await cloud.getTempFileURL({ fileList: [fileID, fileID + '.none'] })).fileList
    assert.ok(f.fileOk(file) && !f.fileOk(none), JSON.stringify([file, none]))
    assert.deepEqual(Buffer.from(await (await fetch(encodeURI(file.tempFileURL))).arrayBuffer()), bytes)
    assert.deepEqual((await cloud.downloadFile({ fileID })).fileContent, bytes)
    assert.ok(f.fileOk((await cloud.deleteFile({ fileList: [fileID] })).fileList[0]))
    assert.ok(!f.fileOk((await cloud.deleteFile({ fileList: [fileID] })).fileList[0]))
    await rejected(cloud.downloadFile({ fileID }))
  })
  if (client.wechat) {
    works('WeChat', 'server APIs with parameters, files and refusals', async () => {
      const { openapi } = client.open()
      assert.equal((await openapi.security.msgSecCheck({ content: 'hello' })).errCode, 0)
      const refused = await rejected(openapi.security.msgSecCheck({ content: risky }))
      assert.equal(refused.errCode, 87014)
      assert.match(refused.errMsg, /^openapi\.security\.msgSecCheck:fail risky content/)
      const { result } = await openapi.security.msgSecCheck({ content: risky, version: 2, scene: 1, openid: 'o-li' })
      assert.equal(result.suggest, 'risky')
      const code = await openapi.wxacode.getUnlimited({ scene: 'id=1', width: 280 })
      assert.equal(code.contentType, 'image/jpeg')
      assert.equal(code.buffer.subarray(0, 2).toString('hex'), 'ffd8')
      assert.equal((await openapi.security.imgSecCheck({ media: { contentType: 'image/png', value: pixel } })).errCode, 0)
      assert.equal((await rejected(openapi.security.imgSecCheck({ media: { contentType: 'image/png', value: Buffer.from('no picture') } }))).errCode, 40137)
      assert.ok((await rejected(openapi.nobody.knows({}))).errCode)
    })
    works('WeChat', 'payments from order to refund', async () => {
      const { cloudPay } = client.open()
      const outTradeNo = `o${process.pid}-${orders++}-of-tests`
      const order = { body: 'tea', outTradeNo, totalFee: 100, spbillCreateIp: '127.0.0.1', subMchId: '1600000000', openid: 'o-li', envId: 'e', functionName: 'paid' }
      const { payment, returnCode, resultCode } = await cloudPay.unifiedOrder(order)
      assert.deepEqual([returnCode, resultCode], ['SUCCESS', 'SUCCESS'])
      assert.ok(payment.package.startsWith('prepay_id=') && payment.paySign)
      assert.equal((await cloudPay.queryOrder({ outTradeNo })).tradeState, 'NOTPAY')
      await client.server().desk('/pay', { outTradeNo })
      assert.equal((await cloudPay.queryOrder({ outTradeNo })).tradeState, 'SUCCESS')
      assert.equal((await cloudPay.refund({ outTradeNo, outRefundNo: `r${outTradeNo}`, totalFee: 100, refundFee: 40 })).refundFee, 40)
      assert.equal((await cloudPay.queryRefund({ outTradeNo })).refundFee, 40)
      assert.equal((await cloudPay.unifiedOrder(order)).resultCode, 'FAIL', 'it is paid')
      const paid = await cloudPay.micropay({ ...order, outTradeNo: `${outTradeNo}-2`, authCode: `13${String(Date.now()).padStart(14, '0')}01` })
      assert.deepEqual([paid.resultCode, paid.tradeState, paid.tradeType], ['SUCCESS', 'SUCCESS', 'MICROPAY'])
      assert.equal((await cloudPay.reverse({ outTradeNo: `${outTradeNo}-2` })).recall, 'N')
      await cloudPay.unifiedOrder({ ...order, outTradeNo: `${outTradeNo}-3` })
      const day = new Date(Date.now() - 48 * 3600 * 1000).toISOString().slice(0, 10)
      await client.server().desk('/pay', { outTradeNo: `${outTradeNo}-3`, on: day })
      const bill = await cloudPay.downloadBill({ billDate: day.replaceAll('-', ''), billType: 'SUCCESS' })
      assert.ok(bill.data.startsWith('交易时间,') && bill.data.includes('`' + outTradeNo + '-3,'))
      assert.equal((await cloudPay.downloadBill({ billDate: '20200101' })).returnCode, 'FAIL')
    })
    works('WeChat', 'open data only of whom it is about', async () => {
      const { cloudID } = await client.server().desk('/cloudIds', { openId: 'o-li', data: { step: 7 } })
      const { list } = await client.open().getOpenData({ list: [cloudID, 'nonsense'] })
      assert.deepEqual(list.map(element => [element.cloudID, element.errCode, element.data]), [[cloudID, -601007, undefined], ['nonsense', -601005, undefined]])
    })
  } else {
    works('WeChat', 'server APIs', async () => {
      const call = async content => (await client.open().callWxOpenApi({ apiName: 'security.msgSecCheck', requestData: { content } })).result
      assert.equal((await call('hello')).errcode, 0)
      assert.equal((await call(risky)).errcode, 87014)
    })
  }
  if (!client.tickets) return
  works('users', client.users ? 'a ticket signs a user in, whom it describes' : 'a ticket signs a user in', async () => {
    const server = client.server()
    const credentials = await server.manage('POST', '/ticketKeys')
    const options = { env: server.app, secretId: server.secretId, secretKey: server.secretKey, serviceUrl: `${server.url}/admin`, signMethod: 'v3', credentials }
    const auth = client.openWith(options).auth()
    const reply = await fetch(`${server.url}/auth/v1/signin/custom?client_id=${server.app}`, { method: 'POST', body: JSON.stringify({ provider_id: 'custom', ticket: auth.createTicket('user-7', { refresh: 3600 * 1000 }) }) })
    const { sub } = await reply.json()
    assert.ok(sub)
    if (!client.users) return
    const { userInfo } = await auth.getEndUserInfo(sub)
    assert.equal(userInfo.uid, sub)
    assert.equal(userInfo.customUserId, 'user-7')
  })
}

module.exports = { serverCases }
