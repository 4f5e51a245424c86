"""``planexe-agent check URL``: walk a server and a key through the contract, and say what is wrong.

Each probe looks at one promise of the contract and comes to a verdict; a wrong one says what to
do. What the walk makes (an agent, a plan, an execution), it removes.
"""
