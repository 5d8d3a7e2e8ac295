// The SDK stands in for wx.cloud; everything else is as it would be on the vendor's cloud.
// lib/yunduo.js is written by: yunduo sdk miniprogram -o miniprogram/lib/yunduo.js
const cloud = require('./lib/yunduo')
const { endpoint, env } = require('./config')

App({
  onLaunch () {
    wx.cloud = cloud
    wx.cloud.init({ env, endpoint, traceUser: true })
  }
})
