using System.Runtime.CompilerServices;

namespace Registry.WebRtc.Dtls;

/// <summary>
/// Which records of an epoch have been received (RFC 6347 §4.1.2.6). Wider than the 64 the RFC asks for, because at 100,000 packets
/// a second half a millisecond of reordering spans that many; the ring of words is the scheme of RFC 6479.
/// </summary>
internal struct DtlsReplayWindow
{
    private const int WordCount = 16;
    private Words words;
    private ulong highest;

    /// <summary>Records behind the newest one that are still told apart.</summary>
    public const int Size = (WordCount - 1) * 64;

    /// <summary>False when a record was received before or is too old to know.</summary>
    public readonly bool IsNew(ulong sequence)
    {
        if (sequence > highest)
            return true;
        if (highest - sequence >= Size)
            return false;
        return (words[(int)(sequence >> 6) & (WordCount - 1)] & (1UL << (int)(sequence & 63))) == 0;
    }

    /// <summary>Notes a record whose authenticity has been verified.</summary>
    public void Add(ulong sequence)
    {
        if (sequence > highest)
        {
            var current = highest >> 6;
            var steps = Math.Min((sequence >> 6) - current, WordCount);
            for (var i = 1UL; i <= steps; i++)
                words[(int)(current + i) & (WordCount - 1)] = 0;
            highest = sequence;
        }

        words[(int)(sequence >> 6) & (WordCount - 1)] |= 1UL << (int)(sequence & 63);
    }

    [InlineArray(WordCount)]
    private struct Words
    {
        private ulong first;
    }
}
