#!/usr/bin/env python3
"""An LSTM with I = H in ONNX Runtime and in PyTorch, and as a file for others.

    peers.py ort|torch H ROUNDS    microseconds of one step, and of each of 1000
                                   steps in one call; a line for each round
    peers.py write H FILE          one step as an ONNX model

float32, one thread, random weights.
"""
import sys
import time

import numpy

STEPS = 1000


def weights(H):
    random = numpy.random.default_rng(1)
    shapes = {"W": (1, 4 * H, H), "R": (1, 4 * H, H), "B": (1, 8 * H)}
    return {name: (0.2 * random.random(shape) - 0.1).astype("float32")
            for name, shape in shapes.items()}


def model(H, T):
    from onnx import TensorProto, helper, numpy_helper
    def value(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    state = [1, 1, H]
    node = helper.make_node("LSTM", ["X", "W", "R", "B", "", "h", "c"],
                            ["Y", "Yh", "Yc"], hidden_size=H)
    graph = helper.make_graph(
        [node], "lstm",
        [value("X", [T, 1, H]), value("h", state), value("c", state)],
        [value("Y", [T, 1, 1, H]), value("Yh", state), value("Yc", state)],
        [numpy_helper.from_array(a, name) for name, a in weights(H).items()])
    return helper.make_model(graph, ir_version=8,
                             opset_imports=[helper.make_opsetid("", 14)])


def ort(H):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def runner(T):
        session = onnxruntime.InferenceSession(
            model(H, T).SerializeToString(), options,
            providers=["CPUExecutionProvider"])
        x = numpy.random.rand(T, 1, H).astype("float32")
        state = [numpy.zeros((1, 1, H), "float32")] * 2

        def run():
            state[:] = session.run(["Yh", "Yc"], {
                "X": x, "h": state[0], "c": state[1]})
        return run
    return runner(1), runner(STEPS)


def pytorch(H):
    import torch
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    net = torch.nn.LSTM(H, H)

    def runner(T):
        x = torch.rand(T, 1, H)
        state = [(torch.zeros(1, 1, H), torch.zeros(1, 1, H))]

        def run():
            state[0] = net(x, state[0])[1]
        return run
    return runner(1), runner(STEPS)


def mean(run, times):
    start = time.perf_counter()
    for _ in range(times):
        run()
    return 1e6 * (time.perf_counter() - start) / times


def main():
    what, H = sys.argv[1], int(sys.argv[2])
    if what == "write":
        with open(sys.argv[3], "wb") as file:
            file.write(model(H, 1).SerializeToString())
        return
    one, many = ort(H) if what == "ort" else pytorch(H)
    one(), many()
    for _ in range(int(sys.argv[3])):
        print(f"{mean(one, 100):.4f} {mean(many, 1) / STEPS:.4f}", flush=True)


main()
