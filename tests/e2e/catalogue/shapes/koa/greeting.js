module.exports = function greeting() {
  return 'Hello Koa';
};
