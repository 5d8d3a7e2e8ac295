const TcbRouter = require('tcb-router')

exports.main = async (event, context) => {
  const app = new TcbRouter({ event })
  app.use(async (ctx, next) => {
    ctx.data = { openId: event.userInfo.openId }
    await next()
  })
  app.router(['user', 'member'], async ctx => {
    ctx.body = { code: 0, data: ctx.data }
  })
  return app.serve()
}
