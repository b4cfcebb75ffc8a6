"""The checker: an administrator's signer that looks at what people have handed in, by machine.

It opens papers in memory, in child processes under resource limits, and says what it found by
codes. It approves nothing that a person has to judge.
"""
