"""ONNX Runtime, with bound buffers and one thread. Its package for Python does not train."""
import numpy as np
import onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper
import networks

NAME = "ONNX Runtime"


def graph(network, batch):
    kind = TensorProto.FLOAT if network == "rings" else TensorProto.UINT8
    nodes, values, at = [], [], "x"
    if network == "digits":
        values.append(numpy_helper.from_array(np.float32(255), "most"))
        nodes += [helper.make_node("Cast", ["x"], ["real"], to=TensorProto.FLOAT), helper.make_node("Div", ["real", "most"], ["scaled"])]
        at = "scaled"
    layers = networks.weights(network)
    for i, (w, b) in enumerate(layers):
        last = i + 1 == len(layers)
        values += [numpy_helper.from_array(w, "w%d" % i), numpy_helper.from_array(b, "b%d" % i)]
        nodes.append(helper.make_node("Gemm", [at, "w%d" % i, "b%d" % i], ["z%d" % i]))
        act = "Relu" if networks.HIDDEN[network] == "relu" and not last else "Sigmoid"
        at = "out" if last else "h%d" % i
        nodes.append(helper.make_node(act, ["z%d" % i], [at]))
    sizes = networks.SIZES[network]
    g = helper.make_graph(nodes, network, [helper.make_tensor_value_info("x", kind, [batch, sizes[0]])],
                          [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, sizes[-1]])], values)
    return helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def make(network, job, batch, fresh=False):
    if job != "predict":
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph(network, batch), options, providers=["CPUExecutionProvider"])
    bound = session.io_binding()
    bound.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(networks.inputs(network, batch)))
    bound.bind_ortvalue_output("out", onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((batch, networks.SIZES[network][-1]), np.float32)))
    return lambda: session.run_with_iobinding(bound)
