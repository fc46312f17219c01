-- From here on what is deflated begins from a dictionary, in which an older program would
-- read nonsense. What is there stays as it is: the first byte tells which it is.
select 1;
