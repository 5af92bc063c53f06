export { inferenceServingAbi as servingAbi, receiptAnchorAbi } from '@zerog/contracts'
