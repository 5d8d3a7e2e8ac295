const _ = require('lodash')

exports.main = async () => {
  const orders = [{ who: 'li', sum: 3 }, { who: 'mei', sum: 5 }, { who: 'li', sum: 4 }]
  return { sums: _.mapValues(_.groupBy(orders, 'who'), list => _.sumBy(list, 'sum')), camel: _.camelCase('order by date'), deep: _.merge({ a: { b: 1 } }, { a: { c: 2 } }) }
}
