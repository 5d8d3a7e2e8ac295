const Koa = require('koa')
const cloud = require('wx-server-sdk')

const app = new Koa()
app.use(async (ctx, next) => {
  await next()
  ctx.set('x-framework', 'koa')
})
app.use(async ctx => {
  if (ctx.path === '/throw') ctx.throw(403, 'not for you')
  ctx.body = { path: ctx.path, query: ctx.query, openid: cloud.getWXContext().OPENID }
})
exports.main = app
