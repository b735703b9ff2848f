"""OpenVINO, in full precision, one thread, for latency. It does not train."""
import openvino
import networks
from peers_onnxruntime import graph

NAME = "OpenVINO"


def make(network, job, batch, fresh=False):
    if job != "predict":
        return None
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    request = openvino.Core().compile_model(openvino.Core().read_model(graph(network, batch)), "CPU", settings).create_infer_request()
    request.set_input_tensor(openvino.Tensor(networks.inputs(network, batch), shared_memory=True))
    return request.infer
