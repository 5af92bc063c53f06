// What a Hardhat project does with `hardhat run --network zerog`: deploy, call, write, read the event, meet a revert.
const { readFileSync } = require('node:fs')
const { ethers } = require('ethers')
const hre = require('hardhat')

async function main() {
  const { abi, bytecode } = JSON.parse(readFileSync(process.env.ZEROG_ARTIFACT, 'utf8'))
  const provider = new ethers.BrowserProvider(hre.network.provider, undefined, { cacheTimeout: -1 })
  provider.pollingInterval = 50
  const signer = await provider.getSigner()
  const contract = await new ethers.ContractFactory(abi, bytecode, signer).deploy('Hello')
  await contract.waitForDeployment()
  const receipt = await (await contract.setGreeting('Ciao')).wait()
  const revert = await contract.setGreeting.staticCall('').then(
    () => 'none',
    (error) => error.revert?.name ?? error.message,
  )
  const result = {
    network: hre.network.name,
    chainId: Number((await provider.getNetwork()).chainId),
    deployer: await signer.getAddress(),
    address: await contract.getAddress(),
    greeting: await contract.greet('Hardhat'),
    events: (await contract.queryFilter('GreetingChanged', 0)).map((event) => event.args[1]),
    status: receipt.status,
    revert,
  }
  console.log(JSON.stringify(result))
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
