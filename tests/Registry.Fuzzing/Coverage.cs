using System.Numerics;
using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace Registry.Fuzzing;

/// <summary>The marks that one run leaves, and all that were ever seen. How often an edge was taken counts by orders of magnitude, as in AFL.</summary>
internal sealed unsafe class Coverage
{
    private const int Size = 1 << 16;

    // Never freed: instrumented code may still run on some thread.
    private readonly byte* map = (byte*)NativeMemory.AllocZeroed(Size);
    private readonly byte[] seen = new byte[Size];

    public Coverage() => Trace.SharedMem = map;

    /// <summary>Edges taken by any run.</summary>
    public int Edges { get; private set; }

    /// <summary>Forgets the last run's marks.</summary>
    public void Begin()
    {
        new Span<byte>(map, Size).Clear();
        Trace.PrevLocation = 0;
    }

    /// <summary>Adds the run's marks to those seen.</summary>
    /// <returns>Whether some are new.</returns>
    public bool End()
    {
        var isNew = false;
        var words = new ReadOnlySpan<ulong>(map, Size / sizeof(ulong));
        for (var word = 0; word < words.Length; word++)
        {
            if (words[word] != 0)
                isNew |= AddWord(word * sizeof(ulong));
        }
        return isNew;
    }

    private bool AddWord(int start)
    {
        var isNew = false;
        for (var i = start; i < start + sizeof(ulong); i++)
        {
            if (map[i] == 0)
                continue;
            var magnitude = (byte)(1 << BitOperations.Log2(map[i]));
            if ((seen[i] & magnitude) != 0)
                continue;
            Edges += seen[i] == 0 ? 1 : 0;
            seen[i] |= magnitude;
            isNew = true;
        }
        return isNew;
    }
}
