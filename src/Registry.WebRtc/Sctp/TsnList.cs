namespace Registry.WebRtc.Sctp;

/// <summary>A doubly linked list through the records of an <see cref="InFlightQueue"/>.</summary>
internal struct TsnList
{
    public uint Head { get; private set; }
    public uint Tail { get; private set; }
    public int Count { get; private set; }

    public void Append(InFlightQueue queue, uint tsn)
    {
        if (Count++ == 0)
        {
            Head = Tail = tsn;
            return;
        }
        queue[Tail].Next = tsn;
        queue[tsn].Previous = Tail;
        Tail = tsn;
    }

    public void Prepend(InFlightQueue queue, uint tsn)
    {
        if (Count++ == 0)
        {
            Head = Tail = tsn;
            return;
        }
        queue[Head].Previous = tsn;
        queue[tsn].Next = Head;
        Head = tsn;
    }

    /// <summary>Takes out a record that is in this list.</summary>
    public void Remove(InFlightQueue queue, uint tsn)
    {
        ref var chunk = ref queue[tsn];
        if (--Count == 0)
            return;
        if (tsn == Head)
        {
            Head = chunk.Next;
        }
        else if (tsn == Tail)
        {
            Tail = chunk.Previous;
        }
        else
        {
            queue[chunk.Previous].Next = chunk.Next;
            queue[chunk.Next].Previous = chunk.Previous;
        }
    }
}
