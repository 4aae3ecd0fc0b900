"""Embedding models that run on this machine, without a network and without a key.

models       which there are, where their weights come from, whether they can run here
packed, safetensors   the formats that weights come in
bert         what all of them are, whatever the format
graph        a BERT as an ONNX graph
folder       what is made of the weights once, beside the data, and how it is kept whole
tokenizer    text to token ids, with offsets
encoder      token ids to vectors, in batches
running      one encoder a process and model, on a thread of its own
"""
