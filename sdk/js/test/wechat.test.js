'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { failure, wxServer, rejection, FakeHost } = require('./support')

const answers = body => ({ 'wechat.openapi': { contentType: 'application/json', body } })

test('openapi sends snake_case and gives camelCase, as wx-server-sdk does', async () => {
  const { cloud, host } = wxServer(answers({ errcode: 0, errmsg: 'ok', msg_id: 'm', phone_info: { country_code: '86', list: [{ a_b: 1 }] } }))
  const result = await cloud.openapi.subscribeMessage.send({ touser: 'o', templateId: 't', miniprogramState: 'formal', data: { thing1: { value: 'x' } }, left: undefined, list: [{ deepName: [1] }] })
  assert.deepEqual(result, { msgId: 'm', phoneInfo: { countryCode: '86', list: [{ aB: 1 }] }, errMsg: 'openapi.subscribeMessage.send:ok', errCode: 0 })
  assert.deepEqual(host.taken(), [['wechat.openapi', {
    api: 'subscribeMessage.send',
    data: { touser: 'o', template_id: 't', miniprogram_state: 'formal', data: { thing1: { value: 'x' } }, list: [{ deep_name: [1] }] }
  }]])
})

test('openapi(options) turns renaming off, and its errors carry the numbers of WeChat', async () => {
  const { cloud, host } = wxServer(answers({ errcode: 87014, errmsg: 'risky content rid: 1' }))
  const error = await rejection(cloud.openapi({ convertCase: false, method: 'GET' }).wxa.business.thing({ aB: 1 }))
  assert.equal(error.errCode, 87014)
  assert.equal(error.errMsg, 'openapi.wxa.business.thing:fail risky content rid: 1')
  assert.deepEqual(host.taken()[0][1], { api: 'wxa.business.thing', method: 'GET', data: { aB: 1 } })
  assert.throws(() => cloud.openapi('x'), /options object is expected/)
})

test('a file travels as bytes, and comes as bytes', async () => {
  const { cloud, host } = wxServer({ 'wechat.openapi': () => ({ response: { contentType: 'image/jpeg' }, attachment: Buffer.from('pic') }) })
  const result = await cloud.openapi.security.imgSecCheck({ media: { contentType: 'image/png', value: Buffer.from('in') }, mediaType: 1 })
  assert.deepEqual(result, { contentType: 'image/jpeg', buffer: Buffer.from('pic'), errMsg: 'openapi.security.imgSecCheck:ok', errCode: 0 })
  assert.deepEqual(host.taken(), [['wechat.openapi', {
    api: 'security.imgSecCheck', data: { media_type: 1 }, file: { field: 'media', contentType: 'image/png', name: 'media.png' }
  }, Buffer.from('in')]])
  const two = { contentType: 'image/png', value: Buffer.from('x') }
  assert.match((await rejection(cloud.openapi.img.x({ a: two, b: two }))).errMsg, /only one parameter can be a file/)
})

test('failures of the platform name the API', async () => {
  const { cloud } = wxServer({ 'wechat.openapi': failure('wechat_not_configured', 'no secret'), 'wechat.pay': failure('wechat_unavailable', 'gone') })
  const error = await rejection(cloud.openapi.wxacode.get({ path: 'p' }))
  assert.equal(error.errMsg, 'openapi.wxacode.get:fail -601004 api permission denied. no secret')
  assert.equal(error.reason, 'wechat_not_configured')
  const pay = await rejection(cloud.cloudPay.unifiedOrder({}))
  assert.equal(pay.errMsg, 'cloudPay.unifiedOrder:fail -601001 system error. gone')
  assert.equal(pay.retryable, true)
})

test('cloudPay gives what WeChat Pay says, refusals too', async () => {
  const { cloud, host } = wxServer({ 'wechat.pay': { result: { return_code: 'SUCCESS', result_code: 'FAIL', err_code: 'ORDERPAID', err_code_des: 'paid', payment: { timeStamp: '1' } } } })
  const result = await cloud.cloudPay.unifiedOrder({ outTradeNo: 'n', totalFee: 1, spbillCreateIp: '127.0.0.1' })
  assert.deepEqual(result, { returnCode: 'SUCCESS', resultCode: 'FAIL', errCode: 0, errCodeDes: 'paid', payment: { timeStamp: '1' }, errMsg: 'cloudPay.unifiedOrder:ok' })
  assert.deepEqual(host.taken(), [['wechat.pay', { api: 'unifiedOrder', data: { out_trade_no: 'n', total_fee: 1, spbill_create_ip: '127.0.0.1' } }]])
})

test('getOpenData opens cloud IDs', async () => {
  const { cloud, host } = wxServer({ 'wechat.openData': { list: [{ cloudID: 'a', data: { n: 1 } }] } })
  assert.deepEqual(await cloud.getOpenData({ list: ['a'] }), { list: [{ cloudID: 'a', data: { n: 1 } }], errCode: 0, errMsg: 'getOpenData:ok' })
  assert.deepEqual(host.taken(), [['wechat.openData', { list: ['a'] }]])
  for (const wrong of [undefined, {}, { list: 'a' }, { list: [1] }]) {
    assert.match((await rejection(cloud.getOpenData(wrong))).errMsg, /^getOpenData:fail list must be provided/)
  }
})

test('callOpenAPI and callWxOpenApi give the plain answer', async () => {
  const { cloud } = wxServer(answers({ errcode: 0, errmsg: 'ok', a_b: 1 }))
  assert.deepEqual(await cloud.callOpenAPI({ api: 'openapi.security.msgSecCheck', data: { content: 'x' } }), { result: { errcode: 0, errmsg: 'ok', a_b: 1 }, errMsg: 'callOpenAPI:ok' })
  const host = new FakeHost(answers({ errcode: 1, errmsg: 'no' }))
  const app = host.modules()['@cloudbase/node-sdk'].init()
  assert.deepEqual((await app.callWxOpenApi({ apiName: 'security.msgSecCheck', requestData: '{"content":"x"}' })).result, { errcode: 1, errmsg: 'no' })
  assert.deepEqual(host.taken(), [['wechat.openapi', { api: 'security.msgSecCheck', data: { content: 'x' } }]])
})
