from ..errors import Error


class NotFoundError(Error):
    pass
