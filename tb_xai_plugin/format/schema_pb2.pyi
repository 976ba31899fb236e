from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOURCE_UNSPECIFIED: _ClassVar[Source]
    TRAINING_BATCH: _ClassVar[Source]
    PROBE: _ClassVar[Source]
SOURCE_UNSPECIFIED: Source
TRAINING_BATCH: Source
PROBE: Source

class PluginData(_message.Message):
    __slots__ = ("version", "kind", "method", "layer", "signal")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    version: int
    kind: str
    method: str
    layer: str
    signal: str
    def __init__(self, version: _Optional[int] = ..., kind: _Optional[str] = ..., method: _Optional[str] = ..., layer: _Optional[str] = ..., signal: _Optional[str] = ...) -> None: ...

class Layer(_message.Message):
    __slots__ = ("name", "type", "output_shape", "units", "activation", "calls", "spatial", "is_output")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    SPATIAL_FIELD_NUMBER: _ClassVar[int]
    IS_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    output_shape: _containers.RepeatedScalarFieldContainer[int]
    units: int
    activation: str
    calls: int
    spatial: bool
    is_output: bool
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., output_shape: _Optional[_Iterable[int]] = ..., units: _Optional[int] = ..., activation: _Optional[str] = ..., calls: _Optional[int] = ..., spatial: bool = ..., is_output: bool = ...) -> None: ...

class Parameter(_message.Message):
    __slots__ = ("name", "layer", "shape", "trainable", "in_optimizer", "group")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    TRAINABLE_FIELD_NUMBER: _ClassVar[int]
    IN_OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    name: str
    layer: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    trainable: bool
    in_optimizer: bool
    group: int
    def __init__(self, name: _Optional[str] = ..., layer: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., trainable: bool = ..., in_optimizer: bool = ..., group: _Optional[int] = ...) -> None: ...

class LayerTable(_message.Message):
    __slots__ = ("version", "id", "layers", "parameters", "never_executed")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    NEVER_EXECUTED_FIELD_NUMBER: _ClassVar[int]
    version: int
    id: str
    layers: _containers.RepeatedCompositeFieldContainer[Layer]
    parameters: _containers.RepeatedCompositeFieldContainer[Parameter]
    never_executed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[int] = ..., id: _Optional[str] = ..., layers: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., parameters: _Optional[_Iterable[_Union[Parameter, _Mapping]]] = ..., never_executed: _Optional[_Iterable[str]] = ...) -> None: ...

class LayerStats(_message.Message):
    __slots__ = ("version", "signal", "source", "num_samples", "table", "columns", "values")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    version: int
    signal: str
    source: Source
    num_samples: int
    table: str
    columns: _containers.RepeatedScalarFieldContainer[str]
    values: bytes
    def __init__(self, version: _Optional[int] = ..., signal: _Optional[str] = ..., source: _Optional[_Union[Source, str]] = ..., num_samples: _Optional[int] = ..., table: _Optional[str] = ..., columns: _Optional[_Iterable[str]] = ..., values: _Optional[bytes] = ...) -> None: ...

class Histograms(_message.Message):
    __slots__ = ("version", "signal", "source", "num_samples", "table", "min_exponent", "exponents", "counts")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    MIN_EXPONENT_FIELD_NUMBER: _ClassVar[int]
    EXPONENTS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    version: int
    signal: str
    source: Source
    num_samples: int
    table: str
    min_exponent: int
    exponents: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, version: _Optional[int] = ..., signal: _Optional[str] = ..., source: _Optional[_Union[Source, str]] = ..., num_samples: _Optional[int] = ..., table: _Optional[str] = ..., min_exponent: _Optional[int] = ..., exponents: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class UnitCounts(_message.Message):
    __slots__ = ("version", "source", "num_samples", "table", "live")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    version: int
    source: Source
    num_samples: int
    table: str
    live: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, version: _Optional[int] = ..., source: _Optional[_Union[Source, str]] = ..., num_samples: _Optional[int] = ..., table: _Optional[str] = ..., live: _Optional[_Iterable[int]] = ...) -> None: ...

class Attribution(_message.Message):
    __slots__ = ("version", "method", "layer", "shape", "heat", "scale", "signed", "targets", "scores", "predictions", "prediction_scores", "probabilities", "probe", "call", "calls", "packed")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    HEAT_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SCORES_FIELD_NUMBER: _ClassVar[int]
    PROBABILITIES_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    PACKED_FIELD_NUMBER: _ClassVar[int]
    version: int
    method: str
    layer: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    heat: bytes
    scale: _containers.RepeatedScalarFieldContainer[float]
    signed: bool
    targets: _containers.RepeatedScalarFieldContainer[int]
    scores: _containers.RepeatedScalarFieldContainer[float]
    predictions: _containers.RepeatedScalarFieldContainer[int]
    prediction_scores: _containers.RepeatedScalarFieldContainer[float]
    probabilities: bool
    probe: str
    call: int
    calls: int
    packed: bool
    def __init__(self, version: _Optional[int] = ..., method: _Optional[str] = ..., layer: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., heat: _Optional[bytes] = ..., scale: _Optional[_Iterable[float]] = ..., signed: bool = ..., targets: _Optional[_Iterable[int]] = ..., scores: _Optional[_Iterable[float]] = ..., predictions: _Optional[_Iterable[int]] = ..., prediction_scores: _Optional[_Iterable[float]] = ..., probabilities: bool = ..., probe: _Optional[str] = ..., call: _Optional[int] = ..., calls: _Optional[int] = ..., packed: bool = ...) -> None: ...

class Trust(_message.Message):
    __slots__ = ("version", "method", "layer", "names", "values", "samples", "missing", "reasons", "probe")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    version: int
    method: str
    layer: str
    names: _containers.RepeatedScalarFieldContainer[str]
    values: bytes
    samples: int
    missing: _containers.RepeatedScalarFieldContainer[str]
    reasons: _containers.RepeatedScalarFieldContainer[str]
    probe: str
    def __init__(self, version: _Optional[int] = ..., method: _Optional[str] = ..., layer: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., values: _Optional[bytes] = ..., samples: _Optional[int] = ..., missing: _Optional[_Iterable[str]] = ..., reasons: _Optional[_Iterable[str]] = ..., probe: _Optional[str] = ...) -> None: ...

class Attention(_message.Message):
    __slots__ = ("version", "layer", "shape", "weights", "queries", "keys", "entropy", "probe")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    QUERIES_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    ENTROPY_FIELD_NUMBER: _ClassVar[int]
    PROBE_FIELD_NUMBER: _ClassVar[int]
    version: int
    layer: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    weights: bytes
    queries: int
    keys: int
    entropy: _containers.RepeatedScalarFieldContainer[float]
    probe: str
    def __init__(self, version: _Optional[int] = ..., layer: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., weights: _Optional[bytes] = ..., queries: _Optional[int] = ..., keys: _Optional[int] = ..., entropy: _Optional[_Iterable[float]] = ..., probe: _Optional[str] = ...) -> None: ...

class HeadStats(_message.Message):
    __slots__ = ("version", "layers")
    class LayerHeads(_message.Message):
        __slots__ = ("layer", "keys", "entropy")
        LAYER_FIELD_NUMBER: _ClassVar[int]
        KEYS_FIELD_NUMBER: _ClassVar[int]
        ENTROPY_FIELD_NUMBER: _ClassVar[int]
        layer: str
        keys: int
        entropy: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, layer: _Optional[str] = ..., keys: _Optional[int] = ..., entropy: _Optional[_Iterable[float]] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    version: int
    layers: _containers.RepeatedCompositeFieldContainer[HeadStats.LayerHeads]
    def __init__(self, version: _Optional[int] = ..., layers: _Optional[_Iterable[_Union[HeadStats.LayerHeads, _Mapping]]] = ...) -> None: ...

class TokenRow(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tokens: _Optional[_Iterable[str]] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("version", "hash", "kind", "images", "tokens", "shape", "values", "labels", "targets", "class_names", "feature_names", "patch_rows", "patch_columns", "prefix_tokens", "region_png")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAMES_FIELD_NUMBER: _ClassVar[int]
    FEATURE_NAMES_FIELD_NUMBER: _ClassVar[int]
    PATCH_ROWS_FIELD_NUMBER: _ClassVar[int]
    PATCH_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REGION_PNG_FIELD_NUMBER: _ClassVar[int]
    version: int
    hash: str
    kind: str
    images: _containers.RepeatedScalarFieldContainer[bytes]
    tokens: _containers.RepeatedCompositeFieldContainer[TokenRow]
    shape: _containers.RepeatedScalarFieldContainer[int]
    values: bytes
    labels: _containers.RepeatedScalarFieldContainer[int]
    targets: _containers.RepeatedScalarFieldContainer[float]
    class_names: _containers.RepeatedScalarFieldContainer[str]
    feature_names: _containers.RepeatedScalarFieldContainer[str]
    patch_rows: int
    patch_columns: int
    prefix_tokens: int
    region_png: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, version: _Optional[int] = ..., hash: _Optional[str] = ..., kind: _Optional[str] = ..., images: _Optional[_Iterable[bytes]] = ..., tokens: _Optional[_Iterable[_Union[TokenRow, _Mapping]]] = ..., shape: _Optional[_Iterable[int]] = ..., values: _Optional[bytes] = ..., labels: _Optional[_Iterable[int]] = ..., targets: _Optional[_Iterable[float]] = ..., class_names: _Optional[_Iterable[str]] = ..., feature_names: _Optional[_Iterable[str]] = ..., patch_rows: _Optional[int] = ..., patch_columns: _Optional[int] = ..., prefix_tokens: _Optional[int] = ..., region_png: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Scalars(_message.Message):
    __slots__ = ("version", "names", "values", "group")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    version: int
    names: _containers.RepeatedScalarFieldContainer[str]
    values: _containers.RepeatedScalarFieldContainer[float]
    group: str
    def __init__(self, version: _Optional[int] = ..., names: _Optional[_Iterable[str]] = ..., values: _Optional[_Iterable[float]] = ..., group: _Optional[str] = ...) -> None: ...

class Signal(_message.Message):
    __slots__ = ("name", "state", "reason", "remedy")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: str
    reason: str
    remedy: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., remedy: _Optional[str] = ...) -> None: ...

class Notice(_message.Message):
    __slots__ = ("level", "subject", "message", "step")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    level: str
    subject: str
    message: str
    step: int
    def __init__(self, level: _Optional[str] = ..., subject: _Optional[str] = ..., message: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("name", "seconds", "runs", "skipped")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    name: str
    seconds: float
    runs: int
    skipped: int
    def __init__(self, name: _Optional[str] = ..., seconds: _Optional[float] = ..., runs: _Optional[int] = ..., skipped: _Optional[int] = ...) -> None: ...

class RunStatus(_message.Message):
    __slots__ = ("version", "state", "host", "backend", "versions", "signals", "notices", "costs", "training_seconds", "max_overhead", "dropped_records", "target_layers", "methods", "next_log_step", "next_explain_step", "step", "log_every_n_steps")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_OVERHEAD_FIELD_NUMBER: _ClassVar[int]
    DROPPED_RECORDS_FIELD_NUMBER: _ClassVar[int]
    TARGET_LAYERS_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    NEXT_LOG_STEP_FIELD_NUMBER: _ClassVar[int]
    NEXT_EXPLAIN_STEP_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    LOG_EVERY_N_STEPS_FIELD_NUMBER: _ClassVar[int]
    version: int
    state: str
    host: str
    backend: str
    versions: _containers.RepeatedScalarFieldContainer[str]
    signals: _containers.RepeatedCompositeFieldContainer[Signal]
    notices: _containers.RepeatedCompositeFieldContainer[Notice]
    costs: _containers.RepeatedCompositeFieldContainer[Cost]
    training_seconds: float
    max_overhead: float
    dropped_records: int
    target_layers: _containers.RepeatedScalarFieldContainer[str]
    methods: _containers.RepeatedScalarFieldContainer[str]
    next_log_step: int
    next_explain_step: int
    step: int
    log_every_n_steps: int
    def __init__(self, version: _Optional[int] = ..., state: _Optional[str] = ..., host: _Optional[str] = ..., backend: _Optional[str] = ..., versions: _Optional[_Iterable[str]] = ..., signals: _Optional[_Iterable[_Union[Signal, _Mapping]]] = ..., notices: _Optional[_Iterable[_Union[Notice, _Mapping]]] = ..., costs: _Optional[_Iterable[_Union[Cost, _Mapping]]] = ..., training_seconds: _Optional[float] = ..., max_overhead: _Optional[float] = ..., dropped_records: _Optional[int] = ..., target_layers: _Optional[_Iterable[str]] = ..., methods: _Optional[_Iterable[str]] = ..., next_log_step: _Optional[int] = ..., next_explain_step: _Optional[int] = ..., step: _Optional[int] = ..., log_every_n_steps: _Optional[int] = ...) -> None: ...

class Numbers(_message.Message):
    __slots__ = ("version", "kind", "rows", "columns", "values")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    version: int
    kind: str
    rows: _containers.RepeatedScalarFieldContainer[str]
    columns: _containers.RepeatedScalarFieldContainer[str]
    values: bytes
    def __init__(self, version: _Optional[int] = ..., kind: _Optional[str] = ..., rows: _Optional[_Iterable[str]] = ..., columns: _Optional[_Iterable[str]] = ..., values: _Optional[bytes] = ...) -> None: ...

class MethodDescription(_message.Message):
    __slots__ = ("name", "title", "meaning", "explains", "signed", "unfaithful", "source")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    EXPLAINS_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    UNFAITHFUL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    meaning: str
    explains: str
    signed: bool
    unfaithful: bool
    source: str
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ..., meaning: _Optional[str] = ..., explains: _Optional[str] = ..., signed: bool = ..., unfaithful: bool = ..., source: _Optional[str] = ...) -> None: ...

class ColumnDescription(_message.Message):
    __slots__ = ("signal", "name", "title", "unit", "meaning", "scale", "low", "high", "low_is_bad", "key")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    LOW_IS_BAD_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    signal: str
    name: str
    title: str
    unit: str
    meaning: str
    scale: str
    low: float
    high: float
    low_is_bad: bool
    key: str
    def __init__(self, signal: _Optional[str] = ..., name: _Optional[str] = ..., title: _Optional[str] = ..., unit: _Optional[str] = ..., meaning: _Optional[str] = ..., scale: _Optional[str] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., low_is_bad: bool = ..., key: _Optional[str] = ...) -> None: ...

class KindDescription(_message.Message):
    __slots__ = ("name", "title", "meaning", "unit", "scale")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    name: str
    title: str
    meaning: str
    unit: str
    scale: str
    def __init__(self, name: _Optional[str] = ..., title: _Optional[str] = ..., meaning: _Optional[str] = ..., unit: _Optional[str] = ..., scale: _Optional[str] = ...) -> None: ...

class Descriptions(_message.Message):
    __slots__ = ("version", "methods", "columns", "kinds")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    version: int
    methods: _containers.RepeatedCompositeFieldContainer[MethodDescription]
    columns: _containers.RepeatedCompositeFieldContainer[ColumnDescription]
    kinds: _containers.RepeatedCompositeFieldContainer[KindDescription]
    def __init__(self, version: _Optional[int] = ..., methods: _Optional[_Iterable[_Union[MethodDescription, _Mapping]]] = ..., columns: _Optional[_Iterable[_Union[ColumnDescription, _Mapping]]] = ..., kinds: _Optional[_Iterable[_Union[KindDescription, _Mapping]]] = ...) -> None: ...

class LossTrace(_message.Message):
    __slots__ = ("version", "first_step", "values")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    version: int
    first_step: int
    values: bytes
    def __init__(self, version: _Optional[int] = ..., first_step: _Optional[int] = ..., values: _Optional[bytes] = ...) -> None: ...

class Setup(_message.Message):
    __slots__ = ("version", "task", "loss", "reduction", "head", "link", "output_shape", "broadcast_shape", "optimizer", "option_names", "option_values", "num_samples", "class_counts", "target_low", "target_high", "target_mean", "target_std", "base_loss", "feature_rms_max", "feature_rms_median", "input_low", "input_high", "normalises", "hidden_softmax")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    REDUCTION_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SHAPE_FIELD_NUMBER: _ClassVar[int]
    BROADCAST_SHAPE_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    OPTION_NAMES_FIELD_NUMBER: _ClassVar[int]
    OPTION_VALUES_FIELD_NUMBER: _ClassVar[int]
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    CLASS_COUNTS_FIELD_NUMBER: _ClassVar[int]
    TARGET_LOW_FIELD_NUMBER: _ClassVar[int]
    TARGET_HIGH_FIELD_NUMBER: _ClassVar[int]
    TARGET_MEAN_FIELD_NUMBER: _ClassVar[int]
    TARGET_STD_FIELD_NUMBER: _ClassVar[int]
    BASE_LOSS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_RMS_MAX_FIELD_NUMBER: _ClassVar[int]
    FEATURE_RMS_MEDIAN_FIELD_NUMBER: _ClassVar[int]
    INPUT_LOW_FIELD_NUMBER: _ClassVar[int]
    INPUT_HIGH_FIELD_NUMBER: _ClassVar[int]
    NORMALISES_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_SOFTMAX_FIELD_NUMBER: _ClassVar[int]
    version: int
    task: str
    loss: str
    reduction: str
    head: str
    link: str
    output_shape: _containers.RepeatedScalarFieldContainer[int]
    broadcast_shape: _containers.RepeatedScalarFieldContainer[int]
    optimizer: str
    option_names: _containers.RepeatedScalarFieldContainer[str]
    option_values: _containers.RepeatedScalarFieldContainer[float]
    num_samples: int
    class_counts: _containers.RepeatedScalarFieldContainer[int]
    target_low: float
    target_high: float
    target_mean: float
    target_std: float
    base_loss: float
    feature_rms_max: float
    feature_rms_median: float
    input_low: float
    input_high: float
    normalises: bool
    hidden_softmax: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[int] = ..., task: _Optional[str] = ..., loss: _Optional[str] = ..., reduction: _Optional[str] = ..., head: _Optional[str] = ..., link: _Optional[str] = ..., output_shape: _Optional[_Iterable[int]] = ..., broadcast_shape: _Optional[_Iterable[int]] = ..., optimizer: _Optional[str] = ..., option_names: _Optional[_Iterable[str]] = ..., option_values: _Optional[_Iterable[float]] = ..., num_samples: _Optional[int] = ..., class_counts: _Optional[_Iterable[int]] = ..., target_low: _Optional[float] = ..., target_high: _Optional[float] = ..., target_mean: _Optional[float] = ..., target_std: _Optional[float] = ..., base_loss: _Optional[float] = ..., feature_rms_max: _Optional[float] = ..., feature_rms_median: _Optional[float] = ..., input_low: _Optional[float] = ..., input_high: _Optional[float] = ..., normalises: bool = ..., hidden_softmax: _Optional[_Iterable[str]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("rule", "severity", "layer", "first_step", "last_step", "value", "threshold", "message", "advice", "family", "title", "cause", "root", "statistic")
    RULE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEP_FIELD_NUMBER: _ClassVar[int]
    LAST_STEP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    STATISTIC_FIELD_NUMBER: _ClassVar[int]
    rule: str
    severity: str
    layer: str
    first_step: int
    last_step: int
    value: float
    threshold: float
    message: str
    advice: str
    family: str
    title: str
    cause: str
    root: str
    statistic: str
    def __init__(self, rule: _Optional[str] = ..., severity: _Optional[str] = ..., layer: _Optional[str] = ..., first_step: _Optional[int] = ..., last_step: _Optional[int] = ..., value: _Optional[float] = ..., threshold: _Optional[float] = ..., message: _Optional[str] = ..., advice: _Optional[str] = ..., family: _Optional[str] = ..., title: _Optional[str] = ..., cause: _Optional[str] = ..., root: _Optional[str] = ..., statistic: _Optional[str] = ...) -> None: ...

class RuleState(_message.Message):
    __slots__ = ("rule", "family", "state", "reason", "definition")
    RULE_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    rule: str
    family: str
    state: str
    reason: str
    definition: str
    def __init__(self, rule: _Optional[str] = ..., family: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., definition: _Optional[str] = ...) -> None: ...

class Findings(_message.Message):
    __slots__ = ("version", "findings", "rules", "step")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    version: int
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    rules: _containers.RepeatedCompositeFieldContainer[RuleState]
    step: int
    def __init__(self, version: _Optional[int] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., rules: _Optional[_Iterable[_Union[RuleState, _Mapping]]] = ..., step: _Optional[int] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("step", "wall_time", "record")
    STEP_FIELD_NUMBER: _ClassVar[int]
    WALL_TIME_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    step: int
    wall_time: float
    record: bytes
    def __init__(self, step: _Optional[int] = ..., wall_time: _Optional[float] = ..., record: _Optional[bytes] = ...) -> None: ...

class Frames(_message.Message):
    __slots__ = ("frames", "kept")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    kept: int
    def __init__(self, frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ..., kept: _Optional[int] = ...) -> None: ...

class SeriesAnswer(_message.Message):
    __slots__ = ("names", "first_steps", "last_steps", "mean", "low", "high", "kept", "source", "num_samples")
    NAMES_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEPS_FIELD_NUMBER: _ClassVar[int]
    LAST_STEPS_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    first_steps: _containers.RepeatedScalarFieldContainer[int]
    last_steps: _containers.RepeatedScalarFieldContainer[int]
    mean: bytes
    low: bytes
    high: bytes
    kept: int
    source: Source
    num_samples: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, names: _Optional[_Iterable[str]] = ..., first_steps: _Optional[_Iterable[int]] = ..., last_steps: _Optional[_Iterable[int]] = ..., mean: _Optional[bytes] = ..., low: _Optional[bytes] = ..., high: _Optional[bytes] = ..., kept: _Optional[int] = ..., source: _Optional[_Union[Source, str]] = ..., num_samples: _Optional[_Iterable[int]] = ...) -> None: ...

class HistogramAnswer(_message.Message):
    __slots__ = ("name", "first_steps", "last_steps", "min_exponent", "exponents", "counts", "kept", "source")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEPS_FIELD_NUMBER: _ClassVar[int]
    LAST_STEPS_FIELD_NUMBER: _ClassVar[int]
    MIN_EXPONENT_FIELD_NUMBER: _ClassVar[int]
    EXPONENTS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    first_steps: _containers.RepeatedScalarFieldContainer[int]
    last_steps: _containers.RepeatedScalarFieldContainer[int]
    min_exponent: int
    exponents: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    kept: int
    source: Source
    def __init__(self, name: _Optional[str] = ..., first_steps: _Optional[_Iterable[int]] = ..., last_steps: _Optional[_Iterable[int]] = ..., min_exponent: _Optional[int] = ..., exponents: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ..., kept: _Optional[int] = ..., source: _Optional[_Union[Source, str]] = ...) -> None: ...

class UnitAnswer(_message.Message):
    __slots__ = ("layer", "first_steps", "last_steps", "units", "live", "num_samples", "kept", "source")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    FIRST_STEPS_FIELD_NUMBER: _ClassVar[int]
    LAST_STEPS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    layer: str
    first_steps: _containers.RepeatedScalarFieldContainer[int]
    last_steps: _containers.RepeatedScalarFieldContainer[int]
    units: int
    live: bytes
    num_samples: _containers.RepeatedScalarFieldContainer[int]
    kept: int
    source: Source
    def __init__(self, layer: _Optional[str] = ..., first_steps: _Optional[_Iterable[int]] = ..., last_steps: _Optional[_Iterable[int]] = ..., units: _Optional[int] = ..., live: _Optional[bytes] = ..., num_samples: _Optional[_Iterable[int]] = ..., kept: _Optional[int] = ..., source: _Optional[_Union[Source, str]] = ...) -> None: ...
