"""What a ``.tflite`` file is made of: operators, tensor types, input and output.

Read from the file's flatbuffer, not through an interpreter, which replaces operators by its
delegates'.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from controller.errors import ModelError
from export.errors import ConversionError
from training.backend import load_tensorflow


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the graph.

    Attributes:
        name: As TFLite names it, such as ``CONV_2D``.
        types: Types of the tensors that it reads and writes at run time; constants left out.
        outputs: Names of the tensors that it writes.
        tensor: Index of the first of them.
    """

    name: str
    types: tuple[str, ...]
    outputs: tuple[str, ...]
    tensor: int = -1


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What a model file holds.

    Attributes:
        operators: In the order in which they run.
        signatures: Names of its signatures.
        input_type: Type of its one input, such as ``UINT8``.
        input_scale: Scale of the input's quantisation; 1.0 where it has none.
        input_zero: Zero point of the input's quantisation; 0 where it has none.
    """

    operators: tuple[Operator, ...]
    signatures: tuple[str, ...]
    input_type: str
    input_scale: float
    input_zero: int

    def counts(self) -> dict[str, int]:
        """How often each operator stands in the graph."""
        return dict(sorted(Counter(op.name for op in self.operators).items()))


def dissect(data: bytes) -> Anatomy:
    """Read a ``.tflite`` file's structure.

    Args:
        data: The file's bytes.

    Raises:
        ModelError: If they are no TFLite model.
    """
    load_tensorflow()
    from tensorflow.lite.python import schema_py_generated as schema

    if data[4:8] != b"TFL3":
        raise ModelError("not a TFLite file (no TFL3 mark)")
    model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
    graph = model.subgraphs[0]
    type_names = _names(schema.TensorType)
    code_names = _names(schema.BuiltinOperator)
    operators = []
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        name = code_names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if name == "CUSTOM":
            name = f"CUSTOM:{(code.customCode or b'').decode()}"
        indexes = [index for index in (*op.inputs, *op.outputs) if index >= 0]
        live = [graph.tensors[i] for i in indexes if not _is_constant(model, graph.tensors[i])]
        operators.append(
            Operator(
                name,
                tuple(type_names[tensor.type] for tensor in live),
                tuple(graph.tensors[i].name.decode() for i in op.outputs),
                int(op.outputs[0]),
            )
        )
    frame = graph.tensors[graph.inputs[0]]
    quantisation = frame.quantization
    scales = [] if quantisation is None or quantisation.scale is None else quantisation.scale
    zeros = [] if quantisation is None or quantisation.zeroPoint is None else quantisation.zeroPoint
    return Anatomy(
        tuple(operators),
        tuple(s.signatureKey.decode() for s in model.signatureDefs or []),
        type_names[frame.type],
        float(scales[0]) if len(scales) else 1.0,
        int(zeros[0]) if len(zeros) else 0,
    )


def _names(enumeration: Any) -> dict[int, str]:  # noqa: ANN401 - generated code
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _is_constant(model: Any, tensor: Any) -> bool:  # noqa: ANN401 - generated code
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def check(anatomy: Anatomy, form: str) -> None:
    """Refuse a file that the car may not trust.

    Raises:
        ConversionError: If it does not take raw uint8 frames, has not exactly one signature, has
            an operator outside the built-in set or, for int8, one that computes in float.
    """
    if (anatomy.input_type, anatomy.input_scale, anatomy.input_zero) != ("UINT8", 1.0, 0):
        raise ConversionError(
            f"{form}: input is {anatomy.input_type} with scale {anatomy.input_scale} and zero "
            f"point {anatomy.input_zero}; the car feeds raw bytes: UINT8, scale 1, zero point 0"
        )
    if len(anatomy.signatures) != 1:
        raise ConversionError(f"{form}: signatures {anatomy.signatures}, expected exactly one")
    for op in anatomy.operators:
        if op.name.startswith(("CUSTOM", "FLEX")):
            raise ConversionError(f"{form}: operator {op.name} is not in the built-in set")
    islands = float_islands(anatomy) if form == "int8" else ()
    if islands:
        listed = ", ".join(f"{op.name} ({op.outputs[0]})" for op in islands[:5])
        raise ConversionError(
            f"{form}: {len(islands)} operators compute in float: {listed}; "
            "replace that layer by one that can be quantised"
        )


def float_islands(anatomy: Anatomy) -> tuple[Operator, ...]:
    """Operators that touch a float tensor at run time."""
    floats = {"FLOAT32", "FLOAT16", "FLOAT64"}
    return tuple(op for op in anatomy.operators if floats & set(op.types))
