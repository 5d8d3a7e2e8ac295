const cloud = require('wx-server-sdk')
const axios = require('axios')
const CryptoJS = require('crypto-js')
const iconv = require('iconv-lite')
const _ = require('lodash')
const { ObjectId } = require('mongodb')

cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()
const http = axios.create({ baseURL: 'https://api.example.com', timeout: 3000 })

exports.main = async event => ({
  order: _.sortBy(event.list, 'n').map(item => item.n),
  digest: CryptoJS.SHA256('2200k').toString(),
  uri: http.getUri({ url: '/orders', params: { page: 1 } }),
  text: iconv.decode(iconv.encode('云朵', 'gbk'), 'gbk'),
  id: new ObjectId('0123456789abcdef01234567').toHexString(),
  collection: db.collection('orders').collectionName
})
