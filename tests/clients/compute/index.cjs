// Both as CommonJS: the SDK asks `signer instanceof Wallet` of the ethers that it loads itself.
module.exports = {
  ethers: require('ethers'),
  sdk: require('@0gfoundation/0g-compute-ts-sdk'),
}
