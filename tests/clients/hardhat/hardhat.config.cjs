// Hardhat as a client of our network: nothing is compiled, so no compiler is downloaded.
module.exports = {
  solidity: '0.8.28',
  defaultNetwork: 'zerog',
  networks: {
    zerog: { url: process.env.ZEROG_RPC_URL ?? 'http://127.0.0.1:8545', chainId: 31337 },
    // The same network with keys that Hardhat holds itself instead of the node.
    zerogLocal: {
      url: process.env.ZEROG_RPC_URL ?? 'http://127.0.0.1:8545',
      accounts: { mnemonic: 'test test test test test test test test test test test junk' },
    },
  },
}
