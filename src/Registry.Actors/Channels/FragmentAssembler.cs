using System.Buffers.Binary;
using Registry.Actors.Channels.Flow;

namespace Registry.Actors.Channels;

/// <summary>
/// What a fragment of a payload begins with, as the original writes it: flags (u8: 1 a fragment, 2 the first, 4 the last), sequence (u32), index (u16), total
/// (u16), big-endian.
/// </summary>
internal readonly record struct FragmentHeader(uint Sequence, ushort Index, ushort Total)
{
    public const int Length = 9;

    /// <summary>Most fragments of one payload; the original sends one that needs more in one frame.</summary>
    public const int MaxTotal = 256;

    private const int Fragment = 1;
    private const int First = 2;
    private const int Last = 4;

    /// <summary>Reads one.</summary>
    /// <returns>False for a payload that is none, whose first bytes are data.</returns>
    public static bool TryRead(ReadOnlySpan<byte> payload, out FragmentHeader header)
    {
        header = default;
        if (payload.Length < Length)
            return false;
        header = new(BinaryPrimitives.ReadUInt32BigEndian(payload[1..]), BinaryPrimitives.ReadUInt16BigEndian(payload[5..]), BinaryPrimitives.ReadUInt16BigEndian(payload[7..]));
        var flags = Fragment | (header.Index == 0 ? First : 0) | (header.Index == header.Total - 1 ? Last : 0);
        return payload[0] == flags && header.Index < header.Total && header.Total <= MaxTotal;
    }
}

/// <summary>
/// Puts payloads together that the original split, in whatever order their fragments come. What waits is bounded by the tube's
/// <see cref="TubeFlow.Fragments"/>, and how long by <see cref="MaxWait"/>.
/// </summary>
internal sealed class FragmentAssembler(TubeFlow tube, TimeProvider time) : IDisposable
{
    /// <summary>How long a payload may be in pieces, as the original meant it.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);

    /// <summary>Payloads that may be in pieces at once, as the original meant it.</summary>
    public const int MaxPending = 1000;

    private readonly Lock gate = new();
    private readonly Dictionary<(uint Connection, uint Sequence), Pending> pending = [];
    private long oldest; // none of them is older; the one that was may be complete

    /// <summary>Takes a payload.</summary>
    /// <param name="connection">Whose it is.</param>
    /// <param name="payload">All of it or a fragment.</param>
    /// <param name="whole">A payload that is complete; empty while fragments of it are missing.</param>
    /// <returns>What the peer did wrong, or null.</returns>
    public string? Take(uint connection, ReadOnlyMemory<byte> payload, out ReadOnlyMemory<byte> whole)
    {
        whole = payload;
        if (!FragmentHeader.TryRead(payload.Span, out var header))
            return null;
        whole = default;
        lock (gate)
        {
            var key = (connection, header.Sequence);
            if (pending.Count == MaxPending && !pending.ContainsKey(key))
                return $"More than {MaxPending} payloads are in pieces.";
            if (pending.Count == 0)
                oldest = time.GetTimestamp();
            if (!pending.TryGetValue(key, out var parts))
                pending[key] = parts = new(header.Total, time.GetTimestamp());
            if (parts.Total != header.Total)
                return $"Fragments of connection {connection} disagree on how many there are: {parts.Total} and {header.Total}.";
            if (IsOneTooOld())
                return $"A payload was not complete {MaxWait.TotalSeconds:0} s after its first fragment.";
            var piece = payload[FragmentHeader.Length..];
            if (parts.Has(header.Index))
                return null;
            if (!tube.Fragments.TryEnter(Cost(piece.Length)))
                return $"More than {TubeFlow.MaxFragments} bytes of fragments wait for others.";
            if (!parts.Add(header.Index, piece))
                return null;
            whole = parts.Join();
            Forget(key);
            return null;
        }
    }

    /// <summary>Forgets what came of a connection that has ended.</summary>
    public void Forget(uint connection)
    {
        lock (gate)
            foreach (var key in pending.Keys.Where(k => k.Connection == connection).ToArray())
                Forget(key);
    }

    public void Dispose()
    {
        lock (gate)
            foreach (var key in pending.Keys.ToArray())
                Forget(key);
    }

    // Looks at all of them only when the oldest known is too old, not for each fragment.
    private bool IsOneTooOld()
    {
        if (time.GetElapsedTime(oldest) <= MaxWait)
            return false;
        oldest = pending.Values.Min(p => p.Since);
        return time.GetElapsedTime(oldest) > MaxWait;
    }

    private void Forget((uint, uint) key)
    {
        pending.Remove(key, out var parts);
        tube.Fragments.Leave(parts!.Count * Cost(0) + parts.Bytes);
    }

    // An empty fragment takes memory too.
    private static int Cost(int bytes) => bytes + 64;

    private sealed class Pending(int total, long since)
    {
        private readonly Dictionary<ushort, byte[]> pieces = [];

        public int Total => total;
        public long Since => since;
        public int Count => pieces.Count;
        public int Bytes { get; private set; }

        public bool Has(ushort index) => pieces.ContainsKey(index);

        /// <summary>Adds one, and says whether it was the last that was missing.</summary>
        public bool Add(ushort index, ReadOnlyMemory<byte> piece)
        {
            pieces.Add(index, piece.ToArray());
            Bytes += piece.Length;
            return pieces.Count == total;
        }

        public byte[] Join()
        {
            var whole = new byte[Bytes];
            var at = 0;
            foreach (var (_, piece) in pieces.OrderBy(p => p.Key))
            {
                piece.CopyTo(whole, at);
                at += piece.Length;
            }

            return whole;
        }
    }
}
