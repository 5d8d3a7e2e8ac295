const dayjs = require('dayjs')
const utc = require('dayjs/plugin/utc')
const timezone = require('dayjs/plugin/timezone')
require('dayjs/locale/zh-cn')
dayjs.extend(utc)
dayjs.extend(timezone)

exports.main = async () => {
  const day = dayjs.utc('2026-02-28T20:00:00Z')
  return { shanghai: day.tz('Asia/Shanghai').format('YYYY-MM-DD HH:mm'), next: day.add(1, 'month').format('YYYY-MM-DD'), weekday: day.locale('zh-cn').format('dddd') }
}
