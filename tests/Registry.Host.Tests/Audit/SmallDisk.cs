using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.Audit;

/// <summary>A disk of its own that can be filled, in memory. Needs root.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private const int Size = 8 * 1024 * 1024;

    private readonly TemporaryFolder folder = new();

    private string Ballast => File("ballast");

    /// <summary>Why this machine cannot have one; null when it can.</summary>
    public static string? Missing => !OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess ? "A disk of a test's own needs Linux and root." : null;

    public static async Task<SmallDisk> MountAsync()
    {
        var disk = new SmallDisk();
        await Programs.RunAsync(Programs.Start("mount", "-t", "tmpfs", "-o", $"size={Size}", "none", disk.folder.Path));
        return disk;
    }

    public string File(string name) => folder.File(name);

    /// <summary>Leaves no byte free.</summary>
    public void Fill()
    {
        using var ballast = new FileStream(Ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            var page = new byte[4096];
            while (true)
                ballast.Write(page);
        }
        catch (IOException)
        {
            ballast.Close(); // It is full.
        }
    }

    /// <summary>Gives back what was filled.</summary>
    public void Empty() => System.IO.File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        await Programs.RunAsync(Programs.Start("umount", "-l", folder.Path));
        folder.Dispose();
    }
}

/// <summary>A test that fills a disk; skipped where there can be none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskTheoryAttribute : TheoryAttribute
{
    public SmallDiskTheoryAttribute() => Skip = SmallDisk.Missing;
}
