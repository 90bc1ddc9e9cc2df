class DeliverPolicy:
    BY_START_SEQUENCE = "by_start_sequence"


class ConsumerConfig:
    def __init__(self, **fields):
        self.fields = fields
