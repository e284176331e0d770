using System.Buffers.Binary;
using System.Numerics;

namespace Registry.WebRtc.Sctp;

/// <summary>Which TSNs arrived: the cumulative TSN and, in a ring of bits, what lies beyond it.</summary>
internal sealed class ReceiveTracker
{
    /// <summary>Most TSNs beyond the cumulative one that are accepted.</summary>
    public const uint MaxAhead = 32768;
    private const int MaxDuplicates = 16;
    private readonly uint[] duplicates = new uint[MaxDuplicates];
    private ulong[] received = new ulong[4];
    private int duplicateCount;

    /// <summary>Last TSN up to which everything arrived or was skipped.</summary>
    public uint Cumulative { get; private set; }

    /// <summary>Highest TSN that arrived.</summary>
    public uint Highest { get; private set; }

    public bool HasGaps => Cumulative != Highest;

    public int DuplicateCount => duplicateCount;

    public void Start(uint initialTsn) => Cumulative = Highest = initialTsn - 1;

    public bool Contains(uint tsn)
    {
        if (!SerialNumber.IsAfter(tsn, Cumulative))
            return true;
        return !SerialNumber.IsAfter(tsn, Highest) && (received[Word(tsn)] >> (int)(tsn & 63) & 1) != 0;
    }

    public void AddDuplicate(uint tsn)
    {
        if (duplicateCount < MaxDuplicates)
            duplicates[duplicateCount++] = tsn;
    }

    /// <summary>Notes a TSN that is not contained and at most <see cref="MaxAhead"/> beyond the cumulative one.</summary>
    public void Add(uint tsn)
    {
        if (tsn != Cumulative + 1)
        {
            EnsureCapacity(tsn - Cumulative);
            received[Word(tsn)] |= 1UL << (int)(tsn & 63);
            if (SerialNumber.IsAfter(tsn, Highest))
                Highest = tsn;
            return;
        }
        if (Cumulative == Highest)
            Highest = tsn;
        Cumulative = tsn;
        Advance();
    }

    /// <summary>Counts everything up to a TSN as arrived (RFC 3758 §3.6).</summary>
    public void SkipTo(uint tsn)
    {
        while (Cumulative != tsn && Cumulative != Highest)
            Clear(++Cumulative);
        Cumulative = tsn;
        if (SerialNumber.IsAfter(tsn, Highest))
            Highest = tsn;
        Advance();
    }

    /// <summary>Writes gap blocks as pairs of offsets (RFC 9260 §3.3.4) and returns how many; those beyond the space are left out.</summary>
    public int WriteGapBlocks(Span<byte> destination)
    {
        var span = Highest - Cumulative;
        var count = 0;
        for (uint offset = 1; destination.Length >= 4;)
        {
            var start = Find(offset, span, set: true);
            if (start > span)
                break;
            offset = Find(start, span, set: false);
            BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)start);
            BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)(offset - 1));
            destination = destination[4..];
            count++;
        }
        return count;
    }

    /// <summary>Writes the duplicates since the last call.</summary>
    public int WriteDuplicates(Span<byte> destination)
    {
        var count = Math.Min(duplicateCount, destination.Length / 4);
        for (var i = 0; i < count; i++)
            BinaryPrimitives.WriteUInt32BigEndian(destination[(4 * i)..], duplicates[i]);
        duplicateCount = 0;
        return count;
    }

    /// <summary>First offset from <paramref name="offset"/> on whose bit is as asked, or <paramref name="limit"/> + 1.</summary>
    private uint Find(uint offset, uint limit, bool set)
    {
        while (offset <= limit)
        {
            var tsn = Cumulative + offset;
            var bit = (int)(tsn & 63);
            var word = received[Word(tsn)];
            word = (set ? word : ~word) >> bit;
            if (word != 0)
                return Math.Min(offset + (uint)BitOperations.TrailingZeroCount(word), limit + 1);
            offset += (uint)(64 - bit);
        }
        return limit + 1;
    }

    private void Advance()
    {
        while (Cumulative != Highest && (received[Word(Cumulative + 1)] >> (int)((Cumulative + 1) & 63) & 1) != 0)
            Clear(++Cumulative);
    }

    private int Word(uint tsn) => (int)(tsn >> 6) & (received.Length - 1);

    private void Clear(uint tsn) => received[Word(tsn)] &= ~(1UL << (int)(tsn & 63));

    private void EnsureCapacity(uint ahead)
    {
        while (received.Length * 64 <= ahead)
        {
            var old = received;
            received = new ulong[old.Length * 2];
            for (var tsn = Cumulative + 1; !SerialNumber.IsAfter(tsn, Highest); tsn++)
            {
                if ((old[(int)(tsn >> 6) & (old.Length - 1)] >> (int)(tsn & 63) & 1) != 0)
                    received[Word(tsn)] |= 1UL << (int)(tsn & 63);
            }
        }
    }
}
