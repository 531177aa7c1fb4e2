"""A case said in the language: lines of text, and where its tensors live."""

WORDS = """language use option const time until like fn extern from cell
input param state noise output loss metric train data once shared with in and
or not t end training sigmoid tanh relu exp log sqrt abs sum mean max min
softmax outer softplus logsigmoid floor cos sin sign stopgrad
categorical""".split()


def spell(name):
    """The name, but no word of the language."""
    while name in WORDS:
        name += "_"
    return name


class Model:
    """One way of saying a case, and where its tensors live in it."""

    def __init__(self, mode):
        self.mode = mode
        self.lines = []
        self.inputs = {}      # case tensor -> name in the spec
        self.outputs = {}     # case tensor -> name in the spec
        self.params = {}      # case parameter -> dotted name
        self.zero = []        # (dotted name, shape): weights the case lacks
        self.states = {}      # (state, place) -> dotted name
        self.flags = []
        self.head = None      # Model of the head alone, where there is one
        self.width = 0        # of the y that a head alone reads
        self.thin = False     # an axis of one element is no axis
        self.slots = {}       # initial or final state -> dotted name
        self.split = {}       # tensor -> (axis, names along that axis)
        self.flipped = set()  # outputs in the order of processing
        self.second = {}      # input of a second call -> name in the spec
        self.orders = {}      # output -> its axes in the product's order
        self.length_axis = ""     # whose lengths the case gives
        self.ends = {}        # further time axis -> its lengths
        self.averaged = False     # a mean, although terms are added
        self.given = {}       # input of the spec -> array
        self.positions = set()    # case parameters that count from 0

    def text(self):
        return "\n".join(self.lines) + "\n"
