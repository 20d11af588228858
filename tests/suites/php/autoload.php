<?php

// Finds php-amqplib's classes, as Composer's autoloader would, and Debian's phpseclib.

require_once '/usr/share/php/phpseclib3/autoload.php';

spl_autoload_register(function ($class) {
    foreach (['PhpAmqpLib\\Tests\\' => 'tests/', 'PhpAmqpLib\\' => 'PhpAmqpLib/'] as $prefix => $folder) {
        $file = __DIR__ . '/../' . $folder . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
        if (strncmp($class, $prefix, strlen($prefix)) === 0 && is_file($file)) {
            require $file;
            return;
        }
    }
});
