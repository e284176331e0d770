using Registry.Host.Cli;
using Registry.Host.Serving.Settings;

namespace Registry.Host.Security;

/// <summary>The directory of the keys that sign tubes' tokens.</summary>
internal static class TokenKeyFolder
{
    private const string Setting = "registry.auth.token-keys";

    /// <summary>Looks whether it can be read, where it is there already.</summary>
    /// <exception cref="CommandException">It cannot.</exception>
    public static void Check(string path)
    {
        if (File.Exists(path))
            throw new SettingsException(Setting, $"{Setting}: '{path}' is a file. Set it to a folder for the keys.");
        if (Directory.Exists(path))
            Use(path, () => _ = Directory.EnumerateFileSystemEntries(path).Any());
    }

    /// <summary>Makes it where it is not there, for this user only.</summary>
    /// <exception cref="CommandException">It cannot be made or read.</exception>
    public static DirectoryInfo Open(string path)
    {
        Check(path);
        Use(path, () => _ = OperatingSystem.IsWindows() ? Directory.CreateDirectory(path) : Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        return new(path);
    }

    private static void Use(string path, Action use)
    {
        try
        {
            use();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(Setting, $"{Setting}: '{path}' cannot be used: {e.Message}");
        }
    }
}
