namespace Registry.WebRtc.Sctp;

/// <summary>
/// The next number of each incoming stream that has nothing waiting, in four bytes: a peer may use every stream there is, with channels or without.
/// </summary>
internal sealed class StreamPositions
{
    private const int PageBits = 10;
    private const int PageSize = 1 << PageBits;

    private uint[]?[]? pages;

    /// <summary>The number; 0 where nothing came yet.</summary>
    public uint this[ushort streamId]
    {
        get => pages?[streamId >> PageBits]?[streamId % PageSize] ?? 0;
        set
        {
            if (value == 0 && pages?[streamId >> PageBits] is null)
                return;
            pages ??= new uint[]?[(ushort.MaxValue + 1) / PageSize];
            (pages[streamId >> PageBits] ??= new uint[PageSize])[streamId % PageSize] = value;
        }
    }

    public void Clear() => pages = null;
}
