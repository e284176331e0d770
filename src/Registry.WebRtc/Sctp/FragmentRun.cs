using Registry.WebRtc.Net;


namespace Registry.WebRtc.Sctp;

/// <summary>Consecutive fragments of one message, in pooled memory that grows by whole pieces so that joining two runs copies nothing.</summary>
internal sealed class FragmentRun
{
    private const int MinimumPiece = 1024;
    private readonly List<Piece> pieces = new(4);

    public uint First { get; private set; }
    public uint Last { get; private set; }
    public bool Begins { get; private set; }
    public bool Ends { get; private set; }
    public bool Unordered { get; private set; }
    public ushort StreamId { get; private set; }
    public ushort Ssn { get; private set; }
    public uint Ppid { get; private set; }
    /// <summary>Bytes kept; 0 once the message is too large.</summary>
    public int Length { get; private set; }
    /// <summary>Whether the message exceeds the limit: its bytes are dropped and only its place is kept.</summary>
    public bool TooLarge { get; private set; }

    public bool IsComplete => Begins && Ends;

    /// <summary>Makes this run hold one fragment.</summary>
    /// <param name="chunk">The fragment.</param>
    /// <param name="capacity">Size to rent when it is larger than the fragment.</param>
    public void Start(in DataChunk chunk, int capacity)
    {
        First = Last = chunk.Tsn;
        Begins = chunk.Begins;
        Ends = chunk.Ends;
        Unordered = chunk.Unordered;
        StreamId = chunk.StreamId;
        Ssn = chunk.Ssn;
        Ppid = chunk.Ppid;
        TooLarge = false;
        Length = 0;
        AddPiece(Math.Max(capacity, chunk.Payload.Length));
        Write(chunk.Payload);
    }

    public bool IsContinuedBy(in DataChunk chunk) =>
        !Ends && !chunk.Begins && Last + 1 == chunk.Tsn && StreamId == chunk.StreamId && Unordered == chunk.Unordered
        && (Unordered || Ssn == chunk.Ssn);

    public bool IsContinuedBy(FragmentRun next) =>
        !Ends && !next.Begins && Last + 1 == next.First && StreamId == next.StreamId && Unordered == next.Unordered
        && (Unordered || Ssn == next.Ssn);

    public void Append(in DataChunk chunk)
    {
        Last = chunk.Tsn;
        Ends = chunk.Ends;
        if (!TooLarge)
            Write(chunk.Payload);
    }

    /// <summary>Takes over the fragments of the run that follows; that one is empty afterwards.</summary>
    public void Join(FragmentRun next)
    {
        Last = next.Last;
        Ends = next.Ends;
        Length += next.Length;
        if (TooLarge || next.TooLarge)
        {
            next.Drop();
            Drop();
            return;
        }
        pieces.AddRange(next.pieces);
        next.pieces.Clear();
        next.Length = 0;
    }

    /// <summary>Drops the bytes and keeps the place.</summary>
    public void Drop()
    {
        foreach (var piece in pieces)
            BufferPool.Return(piece.Buffer);
        pieces.Clear();
        Length = 0;
        TooLarge = true;
    }

    /// <summary>Hands out the message in one pooled array; null when it was too large. The run is empty afterwards.</summary>
    public byte[]? TakeMessage()
    {
        if (TooLarge)
            return null;
        byte[] message;
        if (pieces.Count == 1)
        {
            message = pieces[0].Buffer;
        }
        else
        {
            message = BufferPool.Rent(Length);
            var offset = 0;
            foreach (var piece in pieces)
            {
                piece.Buffer.AsSpan(0, piece.Length).CopyTo(message.AsSpan(offset));
                offset += piece.Length;
                BufferPool.Return(piece.Buffer);
            }
        }
        pieces.Clear();
        return message;
    }

    private void Write(ReadOnlySpan<byte> payload)
    {
        var piece = pieces[^1];
        var room = Math.Min(piece.Buffer.Length - piece.Length, payload.Length);
        payload[..room].CopyTo(piece.Buffer.AsSpan(piece.Length));
        pieces[^1] = piece with { Length = piece.Length + room };
        Length += room;
        if (room == payload.Length)
            return;
        AddPiece(Math.Max(MinimumPiece, Math.Max(Length, payload.Length - room)));
        Write(payload[room..]);
    }

    private void AddPiece(int size) => pieces.Add(new Piece(BufferPool.Rent(size), 0));

    private readonly record struct Piece(byte[] Buffer, int Length);
}
