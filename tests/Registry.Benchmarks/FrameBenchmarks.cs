using BenchmarkDotNet.Attributes;
using Registry.Actors.Channels;

namespace Registry.Benchmarks;

/// <summary>A channel's frames, written in place and read back.</summary>
public class FrameBenchmarks
{
    private readonly FrameParser parser = new(1024 * 1024);
    private byte[] frame = [];

    /// <summary>Bytes of payload.</summary>
    [Params(64, 1024, 16 * 1024, 64 * 1024)]
    public int Payload { get; set; }

    /// <summary>Makes a frame.</summary>
    [GlobalSetup]
    public void SetUp() => frame = Frame.Encode(7, 1, new byte[Payload]);

    /// <summary>Ends the parser.</summary>
    [GlobalCleanup]
    public void CleanUp() => parser.Dispose();

    /// <summary>Header and terminator around a payload that is there already, as the pumps do.</summary>
    [Benchmark]
    public int Enclose() => Frame.Enclose(frame, 7, 1, Payload);

    /// <summary>One message that holds one frame.</summary>
    [Benchmark]
    public int Parse()
    {
        parser.Append(frame);
        parser.TryRead(out var read);
        parser.Detach();
        return read.Payload.Length;
    }
}
