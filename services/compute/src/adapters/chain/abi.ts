export { inferenceServingAbi as servingAbi, modelRegistryAbi, receiptAnchorAbi } from '@zerog/contracts'
