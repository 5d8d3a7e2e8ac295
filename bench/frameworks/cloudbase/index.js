exports.main = async event => event
