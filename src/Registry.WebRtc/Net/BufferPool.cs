using System.Numerics;

namespace Registry.WebRtc.Net;

/// <summary>
/// Arrays for datagrams and messages. These are rented on one thread and returned on another, hundreds at a time, which
/// <see cref="System.Buffers.ArrayPool{T}.Shared"/> answers with fresh arrays; this pool keeps up to 4 MiB of each size.
/// </summary>
internal static class BufferPool
{
    private const int MinimumShift = 8;
    private const int MaximumShift = 19;
    private const int KeptBytesPerSize = 4 * 1024 * 1024;

    private static readonly Bucket[] Buckets = [.. Enumerable.Range(MinimumShift, MaximumShift - MinimumShift + 1).Select(shift => new Bucket(1 << shift))];

    /// <summary>An array of at least this length; its content is whatever it was.</summary>
    public static byte[] Rent(int length)
    {
        if (length == 0)
            return [];
        var index = BucketOf(length);
        return index < Buckets.Length ? Buckets[index].Rent() : GC.AllocateUninitializedArray<byte>(length);
    }

    /// <summary>Gives an array back; one that was not rented here is left to the garbage collector.</summary>
    public static void Return(byte[] array)
    {
        if (array.Length == 0 || !BitOperations.IsPow2(array.Length))
            return;
        var index = BucketOf(array.Length);
        if (index < Buckets.Length && Buckets[index].ArrayLength == array.Length)
            Buckets[index].Return(array);
    }

    private static int BucketOf(int length) =>
        Math.Max(0, BitOperations.Log2((uint)length - 1) + 1 - MinimumShift);

    private sealed class Bucket(int arrayLength)
    {
        private readonly Lock gate = new();
        private readonly byte[]?[] kept = new byte[]?[KeptBytesPerSize / arrayLength];
        private int count;

        public int ArrayLength => arrayLength;

        public byte[] Rent()
        {
            lock (gate)
            {
                if (count > 0)
                {
                    var array = kept[--count]!;
                    kept[count] = null;
                    return array;
                }
            }
            return GC.AllocateUninitializedArray<byte>(arrayLength);
        }

        public void Return(byte[] array)
        {
            lock (gate)
            {
                if (count < kept.Length)
                    kept[count++] = array;
            }
        }
    }
}
